/** How a browser comes in, and how it downloads: the routes in front of session.ts. */
import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import * as v from "valibot";
import { usageError } from "../../base/errors.ts";
import { Refusal } from "../../http/refusal.ts";
import type { Entry, SignedLink } from "../api.ts";
import type { Env } from "./body.ts";
import { cookieName, credentialsOf, type Door } from "./guard.ts";
import { bodyAs, textSchema } from "./input.ts";

const entrySchema = v.strictObject({ token: textSchema });

/** What can be downloaded: files of a run, nothing else. */
const download = /^\/api\/runs\/[\d-]+\/(page|files\/[a-z]+\.[a-z]+(\?view)?)$/;
const linkSchema = v.strictObject({
  path: v.pipe(
    textSchema,
    v.check((path) => download.test(path)),
  ),
});

export function sessionRoutes({ sessions, port }: Door): Hono<Env> {
  return new Hono<Env>()
    .post("/session", async (c) => {
      const { token } = await bodyAs(c, entrySchema);
      const session = sessions.enter(token, credentialsOf(c, port()).cookies);
      if (!session)
        throw new Refusal(
          401,
          "This link belongs to a studio that has stopped. Open the link that the current one printed.",
        );
      // Without an age it ends with the browser; without this process it is worthless before.
      setCookie(c, cookieName(port()), session.id, { httpOnly: true, sameSite: "Strict", path: "/api" });
      c.header("Cache-Control", "no-store");
      return c.json({ key: session.key } satisfies Entry);
    })
    .post("/links", async (c) => {
      const { path } = await bodyAs(c, linkSchema);
      const url = sessions.sign(path, credentialsOf(c, port()));
      if (url === undefined) throw usageError("Links are for browsers: send the bearer token with the download.");
      return c.json({ url } satisfies SignedLink);
    });
}
