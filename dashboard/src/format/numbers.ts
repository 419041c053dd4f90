/** How numbers read everywhere: fixed digits in columns, units always named, a real minus sign. */

const MINUS = "\u2212";
const THIN = "\u202f";

const signed = (text: string): string => text.replace("-", MINUS);

/** A score or fitness: three decimals. */
export function score(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? "–" : signed(value.toFixed(3));
}

/** A difference of scores, with its sign. */
export function difference(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return "–";
  const text = value.toFixed(3);
  return value > 0 && Number(text) !== 0 ? `+${text}` : signed(text.replace(/^-(0\.000)$/, "$1"));
}

/** A confidence interval. */
export const interval = (low: number, high: number, show = score): string => `${show(low)} to ${show(high)}`;

/** A count, digits in groups of three. */
export const count = (value: number | null | undefined): string =>
  value == null ? "–" : signed(Math.round(value).toLocaleString("en").replaceAll(",", THIN));

/** A large count, two or three digits and a suffix: 48.3k. */
export function compact(value: number | null | undefined): string {
  if (value == null) return "–";
  return signed(
    value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 }).replace("K", "k"),
  );
}

/** Seconds as people say them: 850 ms, 12.3 s, 4 min 5 s, 3 h 20 min, 2 d 4 h. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor((whole % 86_400) / 3600), "h"],
    [Math.floor((whole % 3600) / 60), "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}

/** Bytes in binary units. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), units.length - 1);
  const amount = value / 1024 ** power;
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`;
}

/** A share between 0 and 1. */
export const percent = (share: number | null | undefined): string =>
  share == null || !Number.isFinite(share)
    ? "–"
    : `${signed((share * 100).toFixed(share < 0.0995 ? 1 : 0))} %`;

/** A coefficient: as many decimals as matter. */
export const coefficient = (value: number | null | undefined): string =>
  value == null || !Number.isFinite(value) ? "–" : signed(value.toFixed(Math.abs(value) >= 10 ? 1 : 3));

/** A number on an axis: as short as it can be. */
export const tick = (value: number): string =>
  signed(value.toLocaleString("en", { maximumSignificantDigits: 6 }).replaceAll(",", THIN));

/** A text of the API with real minus signs before its numbers. */
export const phrase = (text: string): string => text.replace(/(?<![\w.])-(?=[\d.])/g, MINUS);

/** A number as it is, such as a limit that somebody wrote. */
export const plain = (value: number): string => signed(String(value));
