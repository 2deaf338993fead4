/**
 * What the socket delivers, unread: text as a string, binary as bytes. A text message that is not
 * UTF-8 comes as bytes too, so that it can be rejected alone; RFC 6455 section 8.1 would close the
 * connection.
 */
export type Frame = string | Uint8Array
