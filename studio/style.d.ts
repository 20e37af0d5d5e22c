/** The report's tokens and shared rules as a style sheet. vite.config.ts generates it from src/report. */
declare module "virtual:graft-style.css";
