/** The page's entry point: loads the styles, starts the session, renders the app. */
import "virtual:graft-style.css";
import "./style/layout.css";
import "./style/controls.css";
import "./style/images.css";
import "./style/training.css";
import "./style/results.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { enter } from "./session.ts";
import { connect } from "./state.ts";

await enter();
connect();
render(<App />, document.querySelector("#app")!);
