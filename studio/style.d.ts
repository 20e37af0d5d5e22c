/** The report's tokens and shared rules as a style sheet; made by vite.config.ts from src/report/style. */
declare module "virtual:graft-style.css";
