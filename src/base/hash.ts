/** A fast hash of text for seeds and tables; not safe against chosen input. */

/** FNV-1a over the UTF-8 bytes of a text: a signed 32-bit integer. Source: RFC 9923. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
