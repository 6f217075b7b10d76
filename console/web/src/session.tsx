import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useMemo, type ReactNode } from 'react';
import { send, setEnvironment } from './api';
import type { Role, Session } from './types';

const Context = createContext<{ session: Session; reload: () => Promise<void> } | null>(null);

export function useSession() {
  const value = useContext(Context);
  if (!value) throw new Error('no session');
  return value;
}

const readSession = async (): Promise<Session> => (await send('/v1/session')).json();

export function SessionProvider({ children, loading, failed }: { children: ReactNode; loading: ReactNode; failed: (error: Error, again: () => void) => ReactNode }) {
  const client = useQueryClient();
  const q = useQuery({ queryKey: ['session'], queryFn: readSession, staleTime: 60_000 });
  const value = useMemo(() => {
    if (!q.data) return null;
    const reload = async () => {
      client.removeQueries({ predicate: (other) => other.queryKey[0] !== 'session' });
      await client.invalidateQueries({ queryKey: ['session'] });
    };
    setEnvironment(q.data.environment?.id ?? '', () => void client.invalidateQueries({ queryKey: ['session'] }));
    return { session: q.data, reload };
  }, [q.data, client]);
  if (!value) return q.error ? failed(q.error, () => void q.refetch()) : loading;
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** What the role of whoever is signed in allows. */
export function useMay(): { editDirectory: boolean; editAll: boolean } {
  const role: Role | undefined = useSession().session.administrator?.role;
  return { editDirectory: role === 'Environment Admin' || role === 'Identity Data Admin', editAll: role === 'Environment Admin' };
}
