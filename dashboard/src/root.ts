/** Path prefix that the server is reached under: "" or "/merges", never with a slash at its end. */
export const ROOT = document.querySelector<HTMLMetaElement>('meta[name="evomerge-root"]')?.content ?? "";
