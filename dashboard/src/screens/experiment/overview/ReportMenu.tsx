import { buttonClass } from "@/parts/Button";
import { Menu } from "@/parts/Menu";
import { ROOT } from "@/root";

const FORMATS = [
  ["html", "As a page to print", "html"],
  ["markdown", "As Markdown", "md"],
  ["json", "As data (JSON)", "json"],
] as const;

/** The full report as a file: all comparisons, what was forgotten, what it cost, and how scores were made. */
export function ReportMenu({ experiment }: { experiment: string }) {
  return (
    <Menu label="Full report">
      {FORMATS.map(([format, words, ending]) => (
        <a
          key={format}
          className={buttonClass("quiet")}
          href={`${ROOT}/api/v1/experiments/${experiment}/report?format=${format}`}
          download={`report-${experiment}.${ending}`}
        >
          {words}
        </a>
      ))}
    </Menu>
  );
}
