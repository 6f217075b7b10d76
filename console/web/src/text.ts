// The console's plain-language texts, in one place, so that one thing is called one way on every page.
import type { Account, AccountStatus, Drift, ForeseenGroup, Group, Operation, RuleState, SyncStatus } from './types';

export const ruleStates: Record<RuleState, { label: string; color: string; help: string }> = {
  INACTIVE: { label: 'Inactive', color: 'gray', help: 'The rule does nothing.' },
  IDLE: { label: 'In step', color: 'teal', help: 'Nothing is due: everybody stands as the rule says.' },
  SYNCING: { label: 'Syncing', color: 'blue', help: 'Changes are being written.' },
  PAUSED: { label: 'Paused', color: 'yellow', help: 'The connection is paused. Work is kept and goes on when it is resumed.' },
  HELD: { label: 'Held', color: 'orange', help: 'Operations wait for a decision.' },
  HALTED: { label: 'Halted', color: 'red', help: 'Nothing is written: the target refuses the credentials or the configuration, or the tripwire stopped the connection.' },
};

/** How a rule stands; one that rests while somebody could not be synced is not in step. */
export const ruleState = (s: SyncStatus): { label: string; color: string; help: string } =>
  s.state === 'IDLE' && s.users.failed + s.groups.failed > 0 ? { label: 'With failures', color: 'red', help: 'Nothing is due, but not everybody could be synced. The rule lists the causes.' } : ruleStates[s.state];

export const accountStates: Record<Exclude<AccountStatus, ''>, { label: string; color: string; help: string }> = {
  PENDING: { label: 'Pending', color: 'blue', help: 'Due: it is written as soon as the limits of the target allow.' },
  SUCCESS: { label: 'Success', color: 'teal', help: 'Fully synced.' },
  UNSYNCED: { label: 'Unsynced', color: 'gray', help: 'No account on the target, and none was made (for instance because creation is not allowed).' },
  PARTIAL: { label: 'Partially synced', color: 'yellow', help: 'The account exists, but may be out of date (for instance because updates are not allowed).' },
  FAILED: { label: 'Failed', color: 'red', help: 'Not synced because of an error.' },
};

/** How an account stands; nothing is said of one that nobody keeps in step. */
export const accountState = (s: AccountStatus) => (s === '' ? undefined : accountStates[s]);

export const ownerships: Record<Exclude<Account['ownership'], ''>, { label: string; color: string; help: string }> = {
  MANAGED: { label: 'Managed', color: 'lagoon', help: 'Lockstep created this account.' },
  ADOPTED: { label: 'Adopted', color: 'lagoon', help: 'The account was there already and belongs to this person; Lockstep keeps it in step.' },
  FOREIGN: { label: 'Foreign', color: 'gray', help: 'Nobody of the directory: never written.' },
  RELEASED: { label: 'Released', color: 'gray', help: 'Its rule was deleted. The account is left alone until a rule covers the person again.' },
};

export const groupKinds = {
  static: { label: 'Static', color: 'gray', help: 'Members are put in one by one, or come from nested groups.' },
  dynamic: { label: 'Dynamic', color: 'lagoon', help: 'Whoever matches the filter is a member; membership follows the attributes of people.' },
};

export const groupKind = (g: Pick<Group, 'userFilter'>) => (g.userFilter ? groupKinds.dynamic : groupKinds.static);

export const verbs: Record<Operation['verb'], { label: string; color: string }> = {
  create: { label: 'Create', color: 'teal' },
  update: { label: 'Update', color: 'blue' },
  enable: { label: 'Enable', color: 'teal' },
  disable: { label: 'Disable', color: 'red' },
  delete: { label: 'Delete', color: 'red' },
};

export const summaryHelp = {
  impacted: 'Users targeted by the rule.',
  success: accountStates.SUCCESS.help,
  unsynced: accountStates.UNSYNCED.help,
  partial: accountStates.PARTIAL.help,
  failed: accountStates.FAILED.help,
};

/** PingOne's explanation of each setting; those of the type itself stand where there is none. */
export const settingHelp: Record<string, string> = {
  UNIQUE_USER_IDENTIFIER: 'Determines how to identify a unique user.',
  GROUP_MEMBERSHIP_HANDLING: 'Determines whether to update or replace target groups with the memberships of this directory. Merge keeps members that others added.',
  CREATE_USERS: 'Determines whether to create a user in the target when the user is created in the identity store.',
  UPDATE_USERS: 'Determines whether to update user attributes in the target when the user is updated in the identity store.',
  DISABLE_USERS: 'Determines whether to disable a user in the target when the user is disabled in the identity store.',
  DEPROVISION_USERS: 'Determines whether to deprovision a user in the target when the user is deprovisioned in the identity store.',
  REMOVE_ACTION: 'Determines the action to take when removing a user from the target. Disable: the account is disabled and nothing is deleted.',
};

export const settingLabels: Record<string, string> = {
  UNIQUE_USER_IDENTIFIER: 'Unique user identifier',
  GROUP_MEMBERSHIP_HANDLING: 'Group membership handling',
  CREATE_USERS: 'Allow users to be created',
  UPDATE_USERS: 'Allow users to be updated',
  DISABLE_USERS: 'Allow users to be disabled',
  DEPROVISION_USERS: 'Allow users to be deprovisioned',
  REMOVE_ACTION: 'Remove action',
};

export const driftStates: Record<Drift['status'], { label: string; color: string; help: string }> = {
  OPEN: { label: 'Open', color: 'orange', help: 'Found, and not settled.' },
  REPAIRING: { label: 'Being repaired', color: 'blue', help: 'Our value is written as soon as the limits of the target allow.' },
  ACCEPTED: { label: 'Accepted', color: 'gray', help: 'The target’s value is good until the directory changes that attribute.' },
  REPAIRED: { label: 'Repaired', color: 'teal', help: 'Our value is there again.' },
  ENDED: { label: 'Over', color: 'gray', help: 'Nothing differs any more, or the directory wants something else by now.' },
};

export const driftHelp: Record<string, string> = {
  Repair: 'What others change on the target is shown here and repaired.',
  Report: 'What others change on the target is shown here and left until you decide.',
  Off: 'Nobody looks for what others change on the target: the connection’s Drift setting is Off.',
};

/** What drifted, as people call it. */
export function driftWhat(d: Drift): string {
  if (d.attribute === 'active') return d.theirs ? 'Active there' : 'Inactive there';
  if (d.attribute === 'account') return d.kind === 'GROUP' ? 'Group is gone' : 'Account is gone';
  if (d.attribute === 'members') return `${d.theirs ? 'Added' : 'Taken out'}: ${d.member?.name ?? ''}`;
  return d.attribute;
}

export const driftOurs = (d: Drift): string => driftValue(d, d.ours);
export const driftTheirs = (d: Drift): string => driftValue(d, d.theirs);

function driftValue(d: Drift, value: unknown): string {
  if (d.attribute === 'active') return value ? 'active' : 'not active';
  if (d.attribute === 'account') return value ? 'there' : 'not there';
  if (d.attribute === 'members') return value ? 'a member' : 'no member';
  return shown(value);
}

export const tripwireTexts = {
  title: 'The tripwire stopped the connection: nothing is written',
  look: 'Look at the drift',
  confirm: 'Whoever was deactivated on the target and should be active is activated first. Then writing goes on, and what differs is repaired unless it was accepted.',
  REPAIR: { action: 'Activate them again', done: 'They are being activated again. The connection stays stopped.', busy: 'People are being activated again' },
  RESUME: { action: 'Repair and resume', done: 'They are activated first, then the connection goes on.', busy: 'The connection is about to go on' },
};

/** PingOne's dialog before groups are taken to a target; TARGET is what the connection is called. */
export const consentTexts = {
  Merge: {
    title: 'Merge Group Memberships', warning: '',
    text: 'Where TARGET has a group of the same name, that group is taken over: members from here are added, and members that others added stay.',
  },
  Overwrite: {
    title: 'Overwrite Group Memberships', warning: 'Whoever is in such a group there, and is not in the group here, is taken out of it. The Preview lists them.',
    text: 'Where TARGET has a group of the same name, that group is taken over, and its members become exactly those from here.',
  },
} as const;

export const managedLabel = 'Deprovision on rule deletion';
export const managedHelp = 'Determines whether to deprovision users that were provisioned using this rule if the rule is deleted.';

/** Environments: several directories, and the provisioning of each, in one installation. */
export const environmentTexts = {
  menu: 'Environment',
  all: 'All environments',
  lead: 'Each environment has its own people, connections, rules, administrators and log, and shares nothing with the others. One that was made stays: its log is kept.',
  name: 'Such as Staging. No other environment may have it.',
  create: 'It begins empty: one population, nobody in it, nothing connected. You are its Environment Admin, and nobody else has a role in it until you give them one there, under Administrators.',
  rename: 'Only the name changes. Its id, its addresses and its API clients stay as they are.',
  outside: 'You have no role in this environment',
  outsideHelp: 'The address is of an environment that you may not enter, or that is not there. One of its Environment Admins can give you a role in it.',
  existing: 'They sign in already, and are of another environment',
  existingHelp: 'They keep their password, and get a role here as well.',
  guest: 'of another environment',
  guestHelp: 'Their name and password are kept in the environment that they are of. Only their role here can be changed.',
  guestDelete: 'They have no role in this environment any more, at once. They can still sign in to the others.',
  guestClientDelete: 'Programs that use it cannot reach this environment any more, at once. In its own it goes on.',
};

/** Getting the Slack token by OAuth. */
export const tokenTexts = {
  title: 'Get the token from Slack',
  lead: 'Lockstep gets the token by a Slack app of your own. It goes from Slack to this server and is kept sealed; this browser never sees it.',
  unreachable: 'Slack cannot lead back to this address',
  make: 'Make a Slack app',
  organization: 'Enterprise organisation',
  rotation: 'Tokens that expire',
  rotationHelp: 'Token rotation. Lockstep refreshes them by itself. Slack cannot switch it off again.',
  redirect: 'Redirect URL',
  scope: 'User token scope',
  manifest: 'App manifest',
  credentials: 'Enter its credentials',
  secretHelp: 'It is kept sealed with a token that expires, and forgotten with one that does not.',
  consent: 'Allow it at Slack',
  consentHelp: 'Slack asks you to allow the app. Allow it within ten minutes; you come back here.',
  again: 'The app is known already: Client ID',
  other: 'Use another app',
  proving: 'The token is exchanged and tested …',
  failed: 'There is no new token',
  nothing: 'Nothing came back from Slack',
  nothingHelp: 'This page is where Slack leads back to after consent. It was opened without, or loaded again. Press Get token at the connection.',
  otherTitle: 'The token is for another workspace',
  otherHelp: 'Everybody in the rules of this connection would be created again in the other workspace, and nobody would be kept in step in the one before.',
};

/** A number as people write it. */
export const number = (n: number) => new Intl.NumberFormat().format(n);

export const plural = (n: number, one: string, many = one + 's') => `${number(n)} ${n === 1 ? one : many}`;

/** A time in the reader's own zone. */
export function time(at: string | null | undefined): string {
  return at ? new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' }) : '—';
}

export function ago(at: string | null | undefined, now = Date.now()): string {
  if (!at) return 'never';
  const seconds = Math.round((new Date(at).getTime() - now) / 1000);
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
  const size = Math.abs(seconds);
  if (size < 5) return 'just now';
  if (size < 60) return format.format(seconds, 'second');
  if (size < 3600) return format.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return format.format(Math.round(seconds / 3600), 'hour');
  return format.format(Math.round(seconds / 86_400), 'day');
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** A value of an attribute as text. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'no value';
  if (value === '') return '(empty)';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export const actionLabel = (type: string) =>
  type.replace(/^PROVISIONING_/, '').replace(/[._]/g, ' ').toLowerCase().replace(/^./, (c) => c.toUpperCase());

export function nameOf(u: { username: string; name?: { given?: string; family?: string; formatted?: string } }): string {
  return u.name?.formatted || [u.name?.given, u.name?.family].filter(Boolean).join(' ') || u.username;
}

/** What a preview shows, in the order in which it is shown. `always`: a zero says something, too. */
export const foreseenGroups: Record<ForeseenGroup, { label: string; verb: string; color: string; help: string; always?: boolean }> = {
  CREATE: { label: 'Created', verb: 'Create', color: 'teal', help: 'An account or group is made.', always: true },
  UPDATE: { label: 'Changed', verb: 'Update', color: 'blue', help: 'Values that differ are written, members put in or taken out.', always: true },
  ENABLE: { label: 'Enabled', verb: 'Enable', color: 'teal', help: 'An account that is not active becomes active.', always: true },
  DISABLE: { label: 'Disabled', verb: 'Disable', color: 'red', help: 'Somebody loses access.', always: true },
  DELETE: { label: 'Deleted', verb: 'Delete', color: 'red', help: 'A group goes.' },
  LINK: { label: 'Linked', verb: 'Link', color: 'lagoon', help: 'An account that is there belongs to the person, and is adopted.' },
  AMBIGUOUS: { label: 'Ambiguous', verb: 'Ambiguous', color: 'orange', help: 'Several accounts, or several people, match. Nobody guesses.' },
  FAILED: { label: 'Fail', verb: 'Fails', color: 'red', help: 'The data cannot be provisioned as it is.' },
  WITHHELD: { label: 'Withheld', verb: 'Withheld', color: 'orange', help: 'The connection does not allow it.', always: true },
  FOREIGN: { label: 'Foreign', verb: 'Foreign', color: 'gray', help: 'On the target, and nobody’s whom a rule covers: never written.' },
};
