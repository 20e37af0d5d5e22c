import fc from "fast-check";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { escapeHtml, html } from "./html.ts";

describe("html", () => {
  it("escapes text, keeps markup, joins lists and leaves null out", () => {
    const inner = html`<b>${"<&>"}</b>`;
    expect(html`<p title="${`"'`}">${inner}${[1, "<", inner]}${null}</p>`.markup).toBe(
      '<p title="&quot;&#39;"><b>&lt;&amp;&gt;</b>1&lt;<b>&lt;&amp;&gt;</b></p>',
    );
  });

  it("gives any text back through a parser, as content and as attribute", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const { document } = parseHTML(html`<html><body><p title="${text}">${text}</p></body></html>`.markup);
        const paragraph = document.querySelector("p")!;
        const expected = text.replace(/(?![\t\n\r])\p{Cc}/gu, "\ufffd");
        expect(paragraph.textContent).toBe(expected);
        expect(paragraph.getAttribute("title")).toBe(expected);
        expect(document.querySelectorAll("body *").length).toBe(1);
      }),
    );
    expect(escapeHtml("a\u0000b\u001b\n")).toBe("a\ufffdb\ufffd\n");
  });
});
