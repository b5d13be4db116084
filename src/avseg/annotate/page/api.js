// Requests to the server: JSON and binary data; errors carry the one-line message of the server.

import { identity } from "./identity.js";

export class Refused extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

// distinguishes the changes of this tab from those of others; getRandomValues works without https too
export const CLIENT = [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join("");

async function request(method, path, { body, signal, keepalive, request: id } = {}) {
  const headers = { "X-Avseg-Client": CLIENT };
  if (id) headers["X-Avseg-Request"] = id;
  if (identity.annotator) headers["X-Avseg-Annotator"] = encodeURIComponent(identity.annotator).slice(0, 200);
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, keepalive, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "the server does not respond; is it still running?");
  }
  if (answer.ok) return answer;
  const content = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, content.error ?? `the server responded with status ${answer.status}`, content);
}

export const getJson = async (path, options) => (await request("GET", path, options)).json();
export const getBytes = async (path, options) => (await request("GET", path, options)).arrayBuffer();
export const getBlob = async (path, options) => (await request("GET", path, options)).blob();
export const post = async (path, body = {}, options = {}) => (await request("POST", path, { ...options, body })).json();

// URL of a resource of the open video
export const at = (key, resource) => `/api/v/${key}/${resource}`;
