import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useMemo, type ReactNode } from 'react';
import { send, setEnvironment } from './api';
import { addressed } from './place';
import type { Role, Session } from './types';

/** Who is signed in, with the role that they have in the environment that is open; own is the environment that they are of. */
type Here = Session & { own?: Session['environment']; ownRole?: Role };

const Context = createContext<{ session: Here; reload: () => Promise<void> } | null>(null);

export function useSession() {
  const value = useContext(Context);
  if (!value) throw new Error('no session');
  return value;
}

const readSession = async (): Promise<Session> => (await send('/v1/session')).json();

/** The session as seen from the environment that the address names; environment is undefined where that is none of theirs. */
function seen(s: Session): Here {
  if (!s.administrator || !s.environment) return s;
  const id = addressed() ?? s.environment.id;
  const here = s.environments?.find((e) => e.id === id);
  return { ...s, own: s.environment, ownRole: s.administrator.role, environment: here, administrator: { ...s.administrator, role: here?.role ?? s.administrator.role }, apiUrl: s.apiUrl?.replace(s.environment.id, id) };
}

export function SessionProvider({ children, loading, failed }: { children: ReactNode; loading: ReactNode; failed: (error: Error, again: () => void) => ReactNode }) {
  const client = useQueryClient();
  const q = useQuery({ queryKey: ['session'], queryFn: readSession, staleTime: 60_000 });
  const value = useMemo(() => {
    if (!q.data) return null;
    const reload = async () => {
      client.removeQueries({ predicate: (other) => other.queryKey[0] !== 'session' });
      await client.invalidateQueries({ queryKey: ['session'] });
    };
    const session = seen(q.data);
    setEnvironment(session.environment?.id ?? '', () => void client.invalidateQueries({ queryKey: ['session'] }));
    return { session, reload };
  }, [q.data, client]);
  if (!value) return q.error ? failed(q.error, () => void q.refetch()) : loading;
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** What the role of whoever is signed in allows. */
export function useMay(): { editDirectory: boolean; editAll: boolean } {
  const role: Role | undefined = useSession().session.administrator?.role;
  return { editDirectory: role === 'Environment Admin' || role === 'Identity Data Admin', editAll: role === 'Environment Admin' };
}
