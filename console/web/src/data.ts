// What pages read, by query key. Live events make the right keys stale; see live.ts.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient, keepPreviousData } from '@tanstack/react-query';
import { notifications } from '@mantine/notifications';
import { useMemo } from 'react';
import { ApiError, cursorOf, errorText, get, post, put, query } from './api';
import type { Activity, Attribute, Group, GroupMember, GroupMembership, Mapping, Metadata, Page, Population, Rule, Store, StoreStatus, StoreType, SyncedRule, SyncStatus, User } from './types';

/** A whole list, page by page; only for lists that somebody keeps by hand. */
export async function readAll<K extends string, T>(path: string, name: K, signal?: AbortSignal): Promise<T[]> {
  const out: T[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const page: Page<K, T> = await get(path + query({ limit: 200, cursor }), signal);
    out.push(...page._embedded[name]);
    cursor = cursorOf(page._links);
  }
  return out;
}

export const useStores = () => useQuery({ queryKey: ['stores'], queryFn: ({ signal }) => readAll<'stores', Store>('/propagation/stores', 'stores', signal) });
export const useRules = () => useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => readAll<'rules', Rule>('/propagation/rules', 'rules', signal) });
export const useRule = (id: string) => useQuery({ queryKey: ['rules', id], queryFn: ({ signal }) => get<Rule>('/propagation/rules/' + id, signal), enabled: id !== '' });
export const useStore = (id: string) => useQuery({ queryKey: ['stores', id], queryFn: ({ signal }) => get<Store>('/propagation/stores/' + id, signal), enabled: id !== '' });
export const useStoreStatus = (id: string) =>
  useQuery({ queryKey: ['live', 'store', id], queryFn: ({ signal }) => get<StoreStatus>(`/propagation/stores/${id}/status`, signal), refetchInterval: 15_000, enabled: id !== '' });
export const useSyncStatus = (id: string) =>
  useQuery({ queryKey: ['live', 'rule', id], queryFn: ({ signal }) => get<SyncStatus>(`/propagation/rules/${id}/syncStatus`, signal), refetchInterval: 15_000, enabled: id !== '' });
/**
 * How many rules or connections stand, read together: rows that each ask for themselves draw a long list anew with every answer, which
 * React gives up on. What cannot be read is missing.
 */
export const useStanding = <T>(path: (id: string) => string, ids: string[]) =>
  useQuery({
    queryKey: ['live', 'standing', path(''), ids], enabled: ids.length > 0, refetchInterval: 15_000, placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const answers = await Promise.allSettled(ids.map((id) => get<T>(path(id), signal)));
      const failed = answers.find((a) => a.status === 'rejected');
      if (failed && answers.every((a) => a.status === 'rejected')) throw failed.reason;
      return Object.fromEntries(answers.map((a, i) => [ids[i], a.status === 'fulfilled' ? a.value : undefined])) as Record<string, T | undefined>;
    },
  }).data ?? ({} as Record<string, T | undefined>);

export const useMappings = (rule: string) =>
  useQuery({ queryKey: ['mappings', rule], queryFn: ({ signal }) => readAll<'mappings', Mapping>(`/propagation/rules/${rule}/mappings`, 'mappings', signal), enabled: rule !== '' });
export const useCatalogue = () =>
  useQuery({ queryKey: ['catalogue'], staleTime: Infinity, queryFn: ({ signal }) => get<Page<'storeMetadata', StoreType>>('/propagation/storeMetadata', signal).then((p) => p._embedded.storeMetadata) });
export const useMetadata = (type: string) => useQuery({ queryKey: ['metadata', type], staleTime: Infinity, queryFn: () => post<Metadata>('/propagation/storeMetadata/' + type, {}), enabled: type !== '' });
export const usePopulations = () => useQuery({ queryKey: ['populations'], queryFn: ({ signal }) => readAll<'populations', Population>('/populations', 'populations', signal) });

export const useAttributes = () =>
  useQuery({
    queryKey: ['attributes'],
    queryFn: async ({ signal }) => {
      const schemas = await get<Page<'schemas', { id: string }>>('/schemas', signal);
      return readAll<'attributes', Attribute>(`/schemas/${schemas._embedded.schemas[0].id}/attributes`, 'attributes', signal);
    },
  });

export const useUser = (id: string) => useQuery({ queryKey: ['users', 'one', id], queryFn: ({ signal }) => get<User>('/users/' + id, signal), enabled: id !== '' });

export const useGroup = (id: string) => useQuery({ queryKey: ['groups', 'one', id], queryFn: ({ signal }) => get<Group>(`/groups/${id}?include=totalMemberCounts`, signal), enabled: id !== '' });

/** The groups that a user or a group is in, however they are in them, and why. */
export const useMemberships = (of: 'users' | 'groups', id: string) =>
  useQuery({ queryKey: ['groups', 'above', of, id], queryFn: ({ signal }) => readAll<'groupMemberships', GroupMembership>(`/${of}/${id}/memberOfGroups`, 'groupMemberships', signal), enabled: id !== '' });

/** The groups that are nested directly in a group. */
export const useNested = (id: string, enabled = true) =>
  useQuery({ queryKey: ['groups', 'below', id], queryFn: ({ signal }) => readAll<'groups', Group>(`/groups/${id}/nestedGroups`, 'groups', signal), enabled });

/** How a user or a group stands under each rule. */
export const useSyncedRules = (of: 'users' | 'groups', id: string) =>
  useQuery({ queryKey: ['live', 'syncedRules', of, id], queryFn: ({ signal }) => get<Page<'syncedRules', SyncedRule>>(`/${of}/${id}/syncedRules`, signal).then((p) => p._embedded.syncedRules) });

/** How many members of a group a filter matches; undefined while it is not known, null where it cannot be told. */
export const useMembersMatching = (group: string, filter: string, limit = 1) =>
  useQuery({ queryKey: ['groups', 'members', group, 'matching', filter, limit], enabled: group !== '' && filter !== '', placeholderData: keepPreviousData, retry: false, queryFn: ({ signal }) => get<Page<'members', GroupMember>>(`/groups/${group}/members` + query({ filter, limit }), signal) });

/** What an edit of groups or of who is in them makes stale. */
export const staleGroups = [['groups'], ['users'], ['live'], ['activities'], ['preview']];

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

/** Whether there is nothing to show. What was read stays while the server is away; only what is gone for good goes. */
export const isMissing = (q: { error: unknown; data: unknown }) => Boolean(q.error) && (q.data === undefined || (q.error instanceof ApiError && q.error.status === 404));

export function fail(title: string, error: unknown) {
  notifications.show({ color: 'red', title, message: errorText(error), autoClose: 12_000, closeButtonProps: { 'aria-label': 'Dismiss' } });
}

export function done(message: string) {
  notifications.show({ color: 'teal', message, autoClose: 5_000, closeButtonProps: { 'aria-label': 'Dismiss' } });
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

/**
 * Publishing is part of saving here: what is edited takes effect with the next revision. Before there is a plan there is no rule, and
 * nothing to publish. overwriteExisting agrees that groups which are on the target already are overwritten.
 */
export const publish = (overwriteExisting = false) =>
  post('/propagation/revisions', overwriteExisting ? { overwriteExisting } : undefined).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.at('plan'))) throw error;
  });

/** The body that replaces a store; secrets are left out, so they stay. */
export const storeBody = (s: Store) => ({ name: s.name, description: s.description ?? '', type: s.type, status: s.status, managed: s.managed, configuration: s.configuration });

/** The body that replaces a rule. */
export const ruleBody = (r: Rule) => ({
  name: r.name, description: r.description ?? '', active: r.active, populationExpression: r.populationExpression,
  ...(r.populations ? { populations: r.populations } : {}), groups: r.groups ?? [], deprovision: r.deprovision ?? false,
});

export const saveRule = (r: Rule, overwriteExisting = false) => put<Rule>('/propagation/rules/' + r.id, ruleBody(r)).then(async (saved) => (await publish(overwriteExisting), saved));
