/** Graft's version. A constant, because a browser cannot read package.json; a test compares the two. */
export const graftVersion = "0.1.0";
