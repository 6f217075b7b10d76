// Which environment an address is about. Addresses below /console/environments/{id}/ say it. One that does not is about the environment
// that whoever opens it is of: the only one there is, in most installations.
import type { Session } from './types';

const root = '/console';

/** The base of the addresses of an environment; without one, of one's own. */
export const baseOf = (id?: string) => (id ? `${root}/environments/${id}` : root);

/** The environment that the address of this page names. */
export const addressed = (): string | undefined => /^\/console\/environments\/([^/]+)/.exec(location.pathname)?.[1];

/**
 * The base of the pages that are open. Where there are several environments, the address of one's own is made to say so as well, so that
 * whoever copies it sends others to where it was copied.
 */
export function settle(session: Session): string {
  const own = session.environment?.id;
  if (!addressed() && own && (session.environments?.length ?? 0) > 1) history.replaceState(history.state, '', baseOf(own) + location.pathname.slice(root.length) + location.search + location.hash);
  return baseOf(addressed());
}
