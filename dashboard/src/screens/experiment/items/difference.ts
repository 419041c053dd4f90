/** Where two texts differ, word by word. */

export interface Part {
  text: string;
  /** Whether the other text does not have it here. */
  own: boolean;
}

/** Words that are compared one by one at most, behind what both texts share at their ends. */
const LONGEST = 600;

/** Cuts texts into words and what is between them, so that the parts joined are the text. */
const words = (text: string): string[] => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];

/** The parts of `text`, marked where `other` does not have them in the same order (longest common subsequence). */
export function compare(text: string, other: string): Part[] {
  const a = words(text);
  const b = words(other);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const inner = a.slice(start, a.length - end);
  const kept = common(inner, b.slice(start, b.length - end));
  return joined([
    ...a.slice(0, start).map((word) => ({ text: word, own: false })),
    ...inner.map((word, i) => ({ text: word, own: !kept[i] })),
    ...a.slice(a.length - end).map((word) => ({ text: word, own: false })),
  ]);
}

/** Which words of `a` are in the longest common subsequence with `b`; none where that is too much work. */
function common(a: readonly string[], b: readonly string[]): boolean[] {
  const kept = a.map(() => false);
  if (a.length > LONGEST || b.length > LONGEST) return kept;
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] as number;
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      kept[i] = true;
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return kept;
}

/** Neighbours of one kind become one part. */
function joined(parts: readonly Part[]): Part[] {
  const found: Part[] = [];
  for (const part of parts) {
    const last = found.at(-1);
    if (last !== undefined && last.own === part.own) last.text += part.text;
    else found.push({ ...part });
  }
  return found;
}
