// What pages read, by query key. Live events make the right keys stale; see live.ts.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient, keepPreviousData } from '@tanstack/react-query';
import { notifications } from '@mantine/notifications';
import { useMemo } from 'react';
import { ApiError, cursorOf, errorText, get, post, put, query } from './api';
import type { Activity, Attribute, Mapping, Metadata, Page, Population, Rule, Store, StoreStatus, StoreType, SyncStatus, User } from './types';

export const useStores = () => useQuery({ queryKey: ['stores'], queryFn: ({ signal }) => get<Page<'stores', Store>>('/propagation/stores', signal).then((p) => p._embedded.stores) });
export const useRules = () => useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => get<Page<'rules', Rule>>('/propagation/rules', signal).then((p) => p._embedded.rules) });
export const useRule = (id: string) => useQuery({ queryKey: ['rules', id], queryFn: ({ signal }) => get<Rule>('/propagation/rules/' + id, signal), enabled: id !== '' });
export const useStore = (id: string) => useQuery({ queryKey: ['stores', id], queryFn: ({ signal }) => get<Store>('/propagation/stores/' + id, signal), enabled: id !== '' });
export const useStoreStatus = (id: string) =>
  useQuery({ queryKey: ['live', 'store', id], queryFn: ({ signal }) => get<StoreStatus>(`/propagation/stores/${id}/status`, signal), refetchInterval: 15_000, enabled: id !== '' });
export const useSyncStatus = (id: string) =>
  useQuery({ queryKey: ['live', 'rule', id], queryFn: ({ signal }) => get<SyncStatus>(`/propagation/rules/${id}/syncStatus`, signal), refetchInterval: 15_000, enabled: id !== '' });
export const useMappings = (rule: string) =>
  useQuery({ queryKey: ['mappings', rule], queryFn: ({ signal }) => get<Page<'mappings', Mapping>>(`/propagation/rules/${rule}/mappings`, signal).then((p) => p._embedded.mappings), enabled: rule !== '' });
export const useCatalogue = () =>
  useQuery({ queryKey: ['catalogue'], staleTime: Infinity, queryFn: ({ signal }) => get<Page<'storeMetadata', StoreType>>('/propagation/storeMetadata', signal).then((p) => p._embedded.storeMetadata) });
export const useMetadata = (type: string) => useQuery({ queryKey: ['metadata', type], staleTime: Infinity, queryFn: () => post<Metadata>('/propagation/storeMetadata/' + type, {}), enabled: type !== '' });
export const usePopulations = () => useQuery({ queryKey: ['populations'], queryFn: ({ signal }) => get<Page<'populations', Population>>('/populations', signal).then((p) => p._embedded.populations) });

export const useAttributes = () =>
  useQuery({
    queryKey: ['attributes'],
    queryFn: async ({ signal }) => {
      const schemas = await get<Page<'schemas', { id: string }>>('/schemas', signal);
      return (await get<Page<'attributes', Attribute>>(`/schemas/${schemas._embedded.schemas[0].id}/attributes`, signal))._embedded.attributes;
    },
  });

export const useUser = (id: string) => useQuery({ queryKey: ['users', 'one', id], queryFn: ({ signal }) => get<User>('/users/' + id, signal), enabled: id !== '' });

/** Users that a filter matches: the first few and how many there are. */
export const useMatching = (filter: string, enabled = true) =>
  useQuery({
    queryKey: ['users', 'matching', filter],
    enabled,
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: ({ signal }) => get<Page<'users', User>>('/users' + query({ filter, limit: 6 }), signal),
  });

/** A list page by page. */
export function usePages<K extends string, T>(key: unknown[], path: string, name: K, parameters: Record<string, string | number | undefined>) {
  const q = useInfiniteQuery({
    queryKey: [...key, parameters],
    initialPageParam: '',
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam, signal }) => get<Page<K, T>>(path + query({ ...parameters, cursor: pageParam }), signal),
    getNextPageParam: (last) => cursorOf(last._links),
  });
  const rows = useMemo(() => q.data?.pages.flatMap((p) => p._embedded[name] ?? []) ?? [], [q.data, name]);
  return { ...q, rows, count: q.data?.pages[0]?.count };
}

export const useActivities = (filter: string, limit = 50) => usePages<'activities', Activity>(['activities'], '/activities', 'activities', { filter, limit });

export function fail(title: string, error: unknown) {
  notifications.show({ color: 'red', title, message: errorText(error), autoClose: 12_000 });
}

export function done(message: string) {
  notifications.show({ color: 'teal', message, autoClose: 5_000 });
}

/** Something that is done once, then makes what it touches stale. */
export function useAct<A, R>(act: (argument: A) => Promise<R>, stale: unknown[][], title?: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => Promise.all(stale.map((queryKey) => client.invalidateQueries({ queryKey }))),
    onError: title ? (error) => fail(title, error) : undefined,
  });
}

/** Publishing is part of saving here: what is edited takes effect with the next revision. Before there is a plan there is no rule, and nothing to publish. */
export const publish = () =>
  post('/propagation/revisions').catch((error: unknown) => {
    if (!(error instanceof ApiError && error.at('plan'))) throw error;
  });

/** The body that replaces a store; secrets are left out, so they stay. */
export const storeBody = (s: Store) => ({ name: s.name, description: s.description ?? '', type: s.type, status: s.status, managed: s.managed, configuration: s.configuration });

/** The body that replaces a rule. */
export const ruleBody = (r: Rule) => ({
  name: r.name, description: r.description ?? '', active: r.active, populationExpression: r.populationExpression,
  ...(r.populations ? { populations: r.populations } : {}), groups: r.groups ?? [], deprovision: r.deprovision ?? false,
});

export const saveRule = (r: Rule) => put<Rule>('/propagation/rules/' + r.id, ruleBody(r)).then(async (saved) => (await publish(), saved));
