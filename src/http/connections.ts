/** The connections of an HTTP server and the requests under way on them: what must be known to end the server in bounded time. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface Connections {
  /** Whether a response to some request on this connection has begun. */
  hasAnswered(socket: Socket): boolean;
  /** Closes every connection on which no request is under way now, and each of the others when its last response is sent. */
  closeIdle(): void;
  /** Closes all that are left; returns how many requests had no full response. */
  closeAll(): number;
}

export function trackConnections(server: Server): Connections {
  /** Responses that are not finished, in the order of their requests. */
  const underWay = new Map<Socket, Set<ServerResponse>>();
  let isClosing = false;
  server.on("connection", (socket: Socket) => {
    underWay.set(socket, new Set());
    socket.once("close", () => underWay.delete(socket));
  });
  const enter = ({ socket }: IncomingMessage, outgoing: ServerResponse): void => {
    const responses = underWay.get(socket);
    responses?.add(outgoing);
    outgoing.once("close", () => {
      responses?.delete(outgoing);
      if (isClosing && responses?.size === 0) socket.destroySoon();
    });
  };
  // Before the listener that answers.
  server.prependListener("request", enter);
  server.prependListener("checkContinue", enter);
  server.prependListener("checkExpectation", enter);
  return {
    hasAnswered: (socket) => [...(underWay.get(socket) ?? [])].some(({ headersSent }) => headersSent),
    closeIdle() {
      isClosing = true;
      for (const [socket, responses] of underWay) {
        const last = [...responses].at(-1);
        if (!last) socket.destroy();
        // Says so in its headers, if they are not sent yet.
        else last.shouldKeepAlive = false;
      }
    },
    closeAll() {
      const cut = [...underWay.values()].reduce((sum, responses) => sum + responses.size, 0);
      for (const socket of underWay.keys()) socket.destroy();
      return cut;
    },
  };
}
