/** Plain-text tables: columns as wide as their widest cell, the first row a heading. */

/** Prints a title and rows of cells. */
export function printTable(title: string, rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? "")].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + " ".repeat(widths[column]! - [...cell].length))
      .join("  ")
      .trimEnd();
  const [head, ...body] = rows;
  console.log(
    ["", title, line(head!), widths.map((width) => "-".repeat(width)).join("  "), ...body.map(line)].join("\n"),
  );
}
