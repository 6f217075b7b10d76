// The one door to the server: the public REST API, with the session's cookie. Types are in types.ts.
import type { Detail } from './types';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Detail[] = [],
    readonly id = '',
  ) {
    super(message);
  }

  /** What is wrong with one place of the input, or undefined. */
  at(...targets: string[]): string | undefined {
    const d = this.details.find((detail) => targets.includes(detail.target));
    return d && sentence(d.message);
  }

  /** The whole error as one text for people. */
  get text(): string {
    if (this.details.length === 0) return sentence(this.message);
    return this.details.map((d) => sentence(d.message)).join(' ');
  }
}

/** Makes a message of the API a sentence. */
export function sentence(text: string): string {
  if (!text) return '';
  const upper = text[0].toUpperCase() + text.slice(1);
  return /[.!?:…]$/.test(upper) ? upper : upper + '.';
}

export function errorText(error: unknown): string {
  if (error instanceof ApiError) return error.text;
  return error instanceof Error ? error.message : String(error);
}

let environment = '';
let expired: () => void = () => {};

export function setEnvironment(id: string, onExpired: () => void) {
  environment = id;
  expired = onExpired;
}

/** The address of a path of the environment. */
export const at = (path: string) => `/v1/environments/${environment}${path}`;

export async function send(path: string, init: RequestInit & { json?: unknown } = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  let body = init.body;
  if (init.json !== undefined) {
    headers.set('Content-Type', 'application/json');
    body = JSON.stringify(init.json);
  }
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, body, credentials: 'same-origin' });
  } catch (e) {
    if (init.signal?.aborted) throw e;
    throw new ApiError(0, 'UNREACHABLE', 'the server cannot be reached; this page tries again');
  }
  if (response.ok) return response;
  let problem: { code?: string; message?: string; details?: Detail[]; id?: string } = {};
  try {
    problem = await response.json();
  } catch {
    // no JSON: a proxy's page
  }
  if (response.status === 401 && path !== '/v1/session') expired();
  throw new ApiError(response.status, problem.code ?? 'UNEXPECTED_ERROR', problem.message ?? `the server answered ${response.status}`, problem.details, problem.id);
}

async function json<T>(response: Response): Promise<T> {
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => json<T>(await send(at(path), { signal }));
export const post = async <T>(path: string, body?: unknown): Promise<T> => json<T>(await send(at(path), { method: 'POST', json: body }));
export const put = async <T>(path: string, body?: unknown): Promise<T> => json<T>(await send(at(path), { method: 'PUT', json: body }));
export const patch = async <T>(path: string, body?: unknown): Promise<T> => json<T>(await send(at(path), { method: 'PATCH', json: body }));
export const remove = async (path: string): Promise<void> => void (await send(at(path), { method: 'DELETE' }));

/** A query string from what is given; empty values are left out. */
export function query(values: Record<string, string | number | boolean | undefined>): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== '') out.set(name, String(value));
  const text = out.toString();
  return text && '?' + text;
}

/** The cursor of the next page, taken from HAL's link. */
export function cursorOf(links?: { next?: { href: string } }): string | undefined {
  return links?.next ? (new URL(links.next.href).searchParams.get('cursor') ?? undefined) : undefined;
}

/** Text as a value in a SCIM filter. */
export const quoted = (text: string) => JSON.stringify(text);
