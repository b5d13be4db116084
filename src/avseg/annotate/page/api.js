// Speaks with the server: JSON and bytes, one error type whose message is the server's one line.

export class Refused extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

// tells this tab's changes from those of others; getRandomValues works without https too
export const CLIENT = [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join("");

async function request(method, path, { body, signal } = {}) {
  const headers = { "X-Avseg-Client": CLIENT };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the server does not answer; is it still running?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, said.error ?? `the server answered ${answer.status}`, said);
}

export const getJson = async (path, options) => (await request("GET", path, options)).json();
export const getBytes = async (path, options) => (await request("GET", path, options)).arrayBuffer();
export const getBlob = async (path, options) => (await request("GET", path, options)).blob();
export const post = async (path, body = {}) => (await request("POST", path, { body })).json();

// the address of something of the open video
export const at = (key, what) => `/api/v/${key}/${what}`;
