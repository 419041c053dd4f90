/** The data of a chart as a table and as CSV. */
import styles from "./data.module.css";

type Cell = string | number | null;

export interface TableData {
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
}

const SHOWN = 500;

/** A cell that a spreadsheet would take for a formula is text. */
function csvCell(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const toCsv = (data: TableData): string =>
  [data.columns, ...data.rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");

export function DataTable({ caption, data }: { caption: string; data: TableData }) {
  const more = data.rows.length - SHOWN;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className={styles.scroll} tabIndex={0} aria-label={`${caption}, as a table`}>
      <table className={styles.table}>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {data.columns.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.rows.slice(0, SHOWN).map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name, and never move
            <tr key={index}>
              {row.map((cell, column) => (
                <td
                  key={data.columns[column]}
                  className={typeof cell === "number" ? styles.number : undefined}
                >
                  {typeof cell === "number" ? Number(cell.toPrecision(6)) : (cell ?? "–")}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 ? <p>{more} more rows are in the CSV file.</p> : null}
    </section>
  );
}
