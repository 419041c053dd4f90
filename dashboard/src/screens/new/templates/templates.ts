/** Specs to begin with: everything but the names of models, tasks and endpoints, which only their server knows. */
const FILES = import.meta.glob<string>("./*.yaml", { query: "?raw", import: "default", eager: true });

export interface Template {
  name: string;
  title: string;
  summary: string;
  text: string;
}

/** Each file begins with its title and a sentence, as comments. */
export const TEMPLATES: readonly Template[] = Object.entries(FILES)
  .map(([file, text]) => {
    const [title = "", summary = ""] = text.split("\n").map((line) => line.replace(/^# /, ""));
    return { name: file.replace(/^\.\/|\.yaml$/g, ""), title, summary, text };
  })
  .sort((one, other) => Number(one.name === "black-box") - Number(other.name === "black-box"));
