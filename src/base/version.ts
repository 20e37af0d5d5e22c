/** Graft's own version. A constant, not read from the package file, because a page has no files; the test compares the two. */
export const graftVersion = "0.1.0";
