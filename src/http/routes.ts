/** What every app of hono has in common here: errors and unknown addresses become `{ error }`, whoever found the fault. */
import type { Context, Env, Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { type ErrorBody, Refusal, refusalOf } from "./refusal.ts";

/** The response to a request that is refused. */
export const refuse = (c: Context, { status, message, headers }: Refusal): Response =>
  c.json({ error: message } satisfies ErrorBody, status, { ...headers });

export interface FaultOptions<E extends Env> {
  /** Where the addresses that exist are described: the end of a sentence. */
  readonly seeAlso: string;
  /** Called with every refusal before it is sent. */
  readonly onRefusal?: ((refusal: Refusal, c: Context<E>) => void) | undefined;
  /** Called with what is no fault of the request; returns what the client is told. */
  readonly onDefect: (error: unknown, c: Context<E>) => Refusal | Response;
}

/**
 * Sets the app's answers to faults. Must be called before its routes are added.
 *
 * What has not been read of a refused request's body is read for a moment more and thrown away by the adaptor: a connection that
 * is closed at once would take the response with it before the client reads it.
 */
export function answerFaults<E extends Env>(app: Hono<E>, { seeAlso, onRefusal, onDefect }: FaultOptions<E>): void {
  const answer = (c: Context<E>, refusal: Refusal): Response => {
    onRefusal?.(refusal, c);
    return refuse(c, refusal);
  };
  app.use(
    methodNotAllowed<E>({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allow = methods.join(", ");
        return answer(c, new Refusal(405, `This URL supports ${allow}.`, { allow }));
      },
    }),
  );
  app.notFound((c) => answer(c, new Refusal(404, `There is no such URL: ${seeAlso}.`)));
  app.onError((error, c) => {
    const refusal = refusalOf(error) ?? onDefect(error, c);
    return refusal instanceof Refusal ? answer(c, refusal) : refusal;
  });
}
