import { Alert, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMemberships, useRules, useStores } from '../data';
import { plural } from '../text';
import type { Group, Rule } from '../types';

/** What an edit of who is in a group reaches: the groups it is nested in, the rules that carry one of these, and those whose user filter may ask for one. */
export function useReach(group: Group) {
  const above = useMemberships('groups', group.id);
  const rules = useRules();
  const stores = useStores();
  const ids = [group.id, ...(above.data ?? []).map((m) => m.id)];
  const active = (rules.data ?? []).filter((r) => r.active);
  const asks = (r: Rule) => ids.some((id) => r.populationExpression.includes(id)) || /memberOfGroupNames|memberOfGroups\[/i.test(r.populationExpression.replace(/memberOfGroups\[id eq "[^"]*"\]/gi, ''));
  return {
    above: above.data ?? [], carriers: active.filter((r) => r.groups.some((g) => ids.includes(g.id))), filters: active.filter(asks),
    target: (r: Rule) => stores.data?.find((s) => s.id === r.targetStore.id)?.name ?? 'the target', known: above.isSuccess && rules.isSuccess && stores.isSuccess, error: above.error ?? rules.error ?? stores.error,
  };
}

/** Says what follows when people leave a group. */
export function Reach({ of, who, count }: { of: ReturnType<typeof useReach>; who: string; count: number }) {
  if (of.error) return <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="What follows on targets could not be worked out">The rules could not be read. Look at them before you go on.</Alert>;
  if (!of.known) return <Text size="sm" c="dimmed" role="status">Looking for what follows on targets…</Text>;
  const is = count === 1 ? 'is' : 'are';
  return (
    <>
      {of.above.length > 0 && <Text size="sm">The group is nested in {names(of.above)}: {who} {count === 1 ? 'leaves' : 'leave'} {of.above.length === 1 ? 'it' : 'them'} too, unless another way into {of.above.length === 1 ? 'it' : 'them'} is left.</Text>}
      {of.carriers.map((r) => <Text size="sm" key={r.id}>Rule {r.name}: {who} {is} taken out of the group at {of.target(r)}, if Lockstep put them in.</Text>)}
      {of.filters.length > 0 && (
        <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={`Up to ${plural(count, 'person loses', 'people lose')} access`}>
          The user filter of {names(of.filters)} asks for groups. Whoever does not match any more is deprovisioned at {[...new Set(of.filters.map(of.target))].join(', ')}, where the connection allows it.
        </Alert>
      )}
      {of.carriers.length + of.filters.length === 0 && <Text size="sm" c="dimmed">No enabled rule carries the group or asks for it: nothing changes on a target.</Text>}
    </>
  );
}

const names = (list: { name: string }[]) => list.slice(0, 4).map((o) => o.name).join(', ') + (list.length > 4 ? ` and ${list.length - 4} more` : '');
