// Server-sent events make what they are about stale. A restart of the server is survived: the browser asks again until it answers, and then
// everything that is shown is read anew. A poll every 15 seconds covers whatever a broken connection missed.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { at } from './api';

const Connected = createContext(true);
export const useConnected = () => useContext(Connected);

export function Live({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    let source: EventSource | undefined;
    let timer: number | undefined;
    let quiet: number | undefined;
    let waiting = false;
    let again: number | undefined;
    let lost = false;
    const read = () => {
      // What is on its way is not cut off: the next page of a list would never come. Hence the second look, when it is quiet.
      for (const key of ['live', 'activities']) void client.invalidateQueries({ queryKey: [key] }, { cancelRefetch: false });
    };
    const refresh = () => {
      window.clearTimeout(quiet);
      quiet = window.setTimeout(read, 1_500);
      // At most three times a second, however fast events come.
      if (waiting) return;
      waiting = true;
      timer = window.setTimeout(() => {
        waiting = false;
        read();
      }, 350);
    };
    const open = () => {
      source = new EventSource(at('/propagation/events'));
      source.onopen = () => {
        setConnected(true);
        if (lost) void client.invalidateQueries();
        else refresh();
        lost = false;
      };
      source.onerror = () => {
        setConnected(false);
        lost = true;
        if (source?.readyState === EventSource.CLOSED) again = window.setTimeout(open, 3_000); // an answer that was no stream
      };
      for (const name of ['progress', 'status', 'hold', 'drift', 'tripwire', 'message']) source.addEventListener(name, refresh);
    };
    open();
    return () => {
      source?.close();
      window.clearTimeout(timer);
      window.clearTimeout(quiet);
      window.clearTimeout(again);
    };
  }, [client]);
  return <Connected.Provider value={connected}>{children}</Connected.Provider>;
}
