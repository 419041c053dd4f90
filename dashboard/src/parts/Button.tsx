import type { ComponentProps } from "react";
import styles from "./Button.module.css";

type Look = "plain" | "primary" | "danger" | "quiet";

/** The class of what looks like a button, for links. */
export const buttonClass = (look: Look = "plain"): string =>
  look === "plain" ? (styles.button as string) : `${styles.button} ${styles[look]}`;

export function Button({ look = "plain", ...rest }: ComponentProps<"button"> & { look?: Look }) {
  return <button type="button" {...rest} className={`${buttonClass(look)} ${rest.className ?? ""}`} />;
}
