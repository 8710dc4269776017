// Requests to the server, with the token where it wants one. The tab keeps the token, no longer.

const name = "fibril-token";
let token = null;
try {
  token = sessionStorage.getItem(name);
} catch {
  // Storage may be forbidden; then the token lasts as long as the page.
}

/** The server wants a token, or another one. */
export class TokenWanted extends Error {
  constructor(refused) {
    super(refused ? "the server refuses this token" : "the server asks for a token");
    this.refused = refused;
  }
}

export function setToken(text) {
  token = text;
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // As above.
  }
}

/** Whether a token can be sent in a header at all. */
export function isSendable(text) {
  return /^[\x21-\x7e]+$/.test(text);
}

/** The answer to a request. Throws TokenWanted, or an Error that says what the server or the network said. */
export async function request(path, options = {}) {
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch(path, { ...options, headers, cache: "no-store", redirect: "error" });
  if (answer.status === 401) throw new TokenWanted(token !== null);
  if (!answer.ok) {
    const text = (await answer.text()).trim().slice(0, 500);
    throw new Error(text === "" ? `the server answers ${answer.status} ${answer.statusText}` : text);
  }
  return answer;
}
