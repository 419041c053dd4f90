import { paperLink } from "./words";

/** Where a method was published. */
export function Paper({ paper }: { paper: string }) {
  const link = paperLink(paper);
  if (link === null) return paper === "none" ? "–" : paper;
  return (
    <a href={link} target="_blank" rel="noreferrer">
      arXiv {paper}
    </a>
  );
}
