// What goes from a page to Slack's consent and back. Nothing of it is secret: the Client Secret is at the server before the browser leaves.
import { ApiError } from './api';
import { addressed, baseOf } from './place';
import type { Authorization } from './types';

/** Where consent leads back to, below the console. */
export const answerPath = '/oauth/slack';

export interface Answer { state: string; code: string; error: string }

let answer: Answer | undefined;

/** Takes what consent led back with out of the address, before anything else can see it there: neither the history nor a link has it. */
export function takeAnswer() {
  if (location.pathname !== baseOf() + answerPath) return;
  const q = new URLSearchParams(location.search);
  if (q.has('state')) answer = { state: q.get('state') ?? '', code: q.get('code') ?? '', error: q.get('error') ?? '' };
  // Slack knows one address for all environments; the page goes on in the one that it was left in.
  history.replaceState(null, '', baseOf(takeDraft()?.environment) + answerPath);
}

export const heldAnswer = (): Answer | undefined => answer;

/** Forgets the answer once it is on its way: a code is good once. */
export function dropAnswer() {
  answer = undefined;
}

const key = 'lockstep-consent';

/** What a page needs to go on where it was left. It must hold no secret. */
export interface Draft { path: string; environment?: string; wizard?: { type: string; name: string; description: string; baseUrl: string } }

export const keepDraft = (draft: Draft) => sessionStorage.setItem(key, JSON.stringify({ ...draft, environment: addressed() }));
export function takeDraft(): Draft | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? '') as Draft;
  } catch {
    return undefined;
  }
}
export const dropDraft = () => sessionStorage.removeItem(key);

/** Leaves for the page of consent. Only an address of the web is gone to. */
export function leaveFor(a: Authorization) {
  if (!a.authorizeUrl || !/^https?:\/\//.test(a.authorizeUrl)) throw new ApiError(0, 'UNEXPECTED_ERROR', 'the server answered no page of consent');
  location.assign(a.authorizeUrl);
}
