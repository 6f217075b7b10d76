// The shapes of the API that the console uses; docs/api.md describes them.
export interface Detail { code: string; target: string; message: string; innerError?: { allowedValues?: string[] } }
export interface Page<K extends string, T> { _embedded: Record<K, T[]>; _links: { next?: { href: string } }; size: number; count?: number }

export type Role = 'Environment Admin' | 'Identity Data Admin' | 'Read Only';
export interface Session {
  administrator: { id: string; username: string; name: string; role: Role } | null;
  setupNeeded?: boolean;
  environment?: { id: string; name: string };
  version?: string;
  apiUrl?: string;
}
export interface Administrator { id: string; username: string; name?: string; role: Role; createdAt: string; lastSignOnAt?: string }
export interface Client { id: string; name: string; role: Role; createdAt: string; secret?: string; clientSecret?: string; client_secret?: string }

export interface User {
  id: string; username: string; email?: string; nickname?: string; title?: string; type?: string; enabled: boolean;
  name?: { given?: string; family?: string; formatted?: string; middle?: string; honorificPrefix?: string; honorificSuffix?: string };
  address?: Record<string, string>; photo?: { href?: string }; population: { id: string }; createdAt: string; updatedAt: string;
  [attribute: string]: unknown;
}
export interface Population { id: string; name: string; description?: string; default: boolean; userCount: number; createdAt: string }
export interface Attribute {
  id: string; name: string; displayName?: string; description?: string; type: string; schemaType: 'CORE' | 'STANDARD' | 'CUSTOM';
  multiValued: boolean; required: boolean; unique: boolean; schema: { id: string };
}

export interface Store {
  id: string; name: string; description?: string; type: string; status: 'ACTIVE' | 'INACTIVE'; managed: boolean;
  configuration: Record<string, unknown>; createdAt: string; updatedAt: string;
}
export interface StoreType { type: string; name: string; description: string; groups: boolean; target: boolean }
export interface Field {
  name: string; displayName: string; description?: string; type: 'STRING' | 'SECRET' | 'BOOLEAN' | 'NUMBER' | 'URL'; required?: boolean;
  defaultValue?: unknown; allowedValues?: string[]; section: 'AUTHENTICATION' | 'PREFERENCES' | 'ACTIONS';
}
export interface TargetAttribute { displayName?: string; description?: string; type: string; required?: boolean; unique?: boolean; multiValued?: boolean }
export interface Metadata {
  information: { type: string; name: string; description: string };
  connectionProfiles: { connectionAttributes: Field[] }[];
  attributeMetadata: { userAttributes: Record<string, TargetAttribute> };
  defaultMappings: { sourceAttribute?: string; targetAttribute: string; createOnly?: boolean }[];
}
export interface Check { name: string; status: 'OK' | 'FAILED' | 'WARNING' | 'SKIPPED'; message: string; hint?: string }
export interface TestResult { status: 'OK' | 'FAILED'; checks: Check[] }
export interface StoreStatus {
  paused: boolean; lastSyncAt: string | null; ratePerMinute: number;
  budgets: { name: string; perMinute: number; burst: number; available: number }[];
  tripwire?: Tripwire; drift: { open: number; accepted: number }; lastScanAt: string | null;
  halt: { message: string; hint?: string; since?: string; probeAt?: string } | null;
  test: { status: 'OK' | 'FAILED'; at: string; checks: Check[] } | null;
  token?: TokenState;
}
export interface Workspace { id: string; name: string; organization: boolean }
export interface TokenState {
  obtained: 'OAUTH' | 'MANUAL'; workspace?: Workspace; owner?: string; scopes?: string[]; clientId?: string; obtainedAt: string | null; expiresAt: string | null;
  refreshed: boolean; refreshAt: string | null; problem?: { message: string; hint?: string; at: string; nextAt: string | null };
}
export interface AuthorizationSetup { redirectUrl: string; scopes: string[]; manifest: string; createUrl: string; steps: string[]; warnings: string[] }
export interface Authorization {
  id: string; status: 'PENDING' | 'GRANTED' | 'TAKEN_OVER' | 'OTHER_WORKSPACE'; authorizeUrl?: string; redirectUrl: string; expiresAt: string; store?: { id: string };
  token?: TokenState; known?: Workspace;
}

export interface Tripwire {
  tripped: boolean; kind?: 'DEACTIVATED_ON_UPDATE' | 'MASS_CHANGE'; why?: string; hurt?: number; since: string | null; request?: 'REPAIR' | 'RESUME'; requestedBy?: string; repairedAt: string | null;
}
export interface Drift {
  id: string; kind: 'USER' | 'GROUP'; object: { id: string; name: string }; attribute: string; member?: { remoteId: string; name: string }; ours: unknown; theirs: unknown; before: unknown;
  how: string; status: 'OPEN' | 'REPAIRING' | 'ACCEPTED' | 'REPAIRED' | 'ENDED'; foundAt: string; decidedBy?: string; decidedAt: string | null; endedAt: string | null;
}

export interface Rule {
  id: string; name: string; description?: string; plan: { id: string }; sourceStore: { id: string }; targetStore: { id: string };
  active: boolean; populationExpression: string; populations?: { id: string }[]; groups?: { id: string }[]; deprovision?: boolean; createdAt: string; updatedAt: string;
}
export interface Mapping {
  id: string; sourceAttribute?: string; expression?: string; targetAttribute: string; createOnly?: boolean; clearWhenEmpty?: boolean;
}
export type RuleState = 'INACTIVE' | 'IDLE' | 'SYNCING' | 'PAUSED' | 'HELD' | 'HALTED';
export interface Counts { impacted: number; success: number; unsynced: number; partial: number; failed: number; pending: number }
export interface SyncStatus {
  state: RuleState; users: Counts; groups: Counts; progress: { done: number; total: number; ratePerMinute: number; etaSeconds: number };
  lastSyncAt: string | null; details: string;
}
export type AccountStatus = 'PENDING' | 'SUCCESS' | 'UNSYNCED' | 'PARTIAL' | 'FAILED';
export interface Account {
  id: string; kind: 'USER' | 'GROUP'; ownership: 'MANAGED' | 'ADOPTED' | 'FOREIGN' | 'RELEASED' | ''; remoteId: string; status: AccountStatus; details?: string;
  attempts: number; nextTryAt: string | null; cause?: string; lastSyncAt: string | null; updatedAt: string | null; inScope: boolean;
  object?: { id: string; name: string }; rule?: { id: string };
  remote?: { active: boolean; attributes: Record<string, unknown> };
  error?: { kind: string; code: string; message: string; hint?: string; attribute?: string };
}
export interface SyncedRule {
  rule: { id: string; name: string }; targetStore: { id: string; name: string; type: string }; status: AccountStatus; lastSyncAt: string | null; details?: string; account: Account;
}
export interface Change { attribute: string; from: unknown; to: unknown }
export interface Operation {
  verb: 'create' | 'update' | 'enable' | 'disable' | 'delete'; kind: 'USER' | 'GROUP'; object: { id: string; name: string }; remoteId: string; changes: Change[]; members: { add: string[]; remove: string[] }; why: string; withheld: string | null;
}
export interface Summary {
  create: number; update: number; enable: number; disable: number; delete: number; memberAdd: number; memberRemove: number; unchanged: number; withheld: number;
  held: number; link: number; ambiguous: number; failed: number; foreign: number;
}
export interface Preview extends Page<'operations', Operation> {
  id?: string; store: { id: string }; rule?: { id: string }; createdAt: string; expiresAt: string; summary: Summary; guard: string; drafted: boolean; others: string[]; listed: boolean; unasked: string;
}
export type ForeseenGroup = 'DISABLE' | 'DELETE' | 'ENABLE' | 'UPDATE' | 'CREATE' | 'WITHHELD' | 'LINK' | 'AMBIGUOUS' | 'FAILED' | 'FOREIGN';
export interface Candidate { remoteId: string; name: string; active: boolean; linkedTo: string; keptForeign: boolean }
export interface Foreseen extends Operation { group: ForeseenGroup; held: boolean; candidates: Candidate[] }
export interface Failure { error: { kind: string; code: string; message: string; hint: string; attribute: string }; objects: number; example: { id: string; name: string } }
export interface Trace { steps: { name: string; status: string; detail: string }[]; operations: Operation[]; result: AccountStatus; details?: string }
export interface Activity {
  id: string; recordedAt: string; correlationId?: string; action: { type: string; description: string };
  actors: { client?: Actor; user?: Actor }; resources: { type: string; id?: string; name?: string }[]; result: { status: 'SUCCESS' | 'FAILED'; description: string };
  changes?: Change[]; store?: { id: string }; rule?: { id: string }; cause?: { description: string; activity?: { id: string }; actor?: Actor };
}
export interface ActiveAlert { id: string; condition: string; store: { id: string; name: string }; since: string; endedAt?: string | null; message: string; hint?: string }
export interface AlertSettings {
  webhook: { url?: string; key?: string; keySet: boolean };
  email: { host?: string; port?: number; tls?: string; username?: string; password?: string; passwordSet: boolean; from?: string; to?: string[] };
  thresholds: { failedPercent: number; failedCount: number; expiryDays: number; staleHours: number; quietMinutes: number };
  updatedAt?: string | null;
}
export interface AlertTestResult { channel: 'WEBHOOK' | 'EMAIL'; status: 'OK' | 'FAILED'; message: string }
export interface AlertDelivery { id: string; channel: 'WEBHOOK' | 'EMAIL'; createdAt: string; status: 'DELIVERED' | 'WAITING' | 'GIVEN_UP'; attempts: number; message?: string }
export interface Actor { id: string; name: string; type: string }
export interface ImportReport {
  created: number; updated: number; unchanged: number; refused: number; refusals: { line: number; column?: string; message: string }[]; attributesCreated?: string[]; applied: boolean;
}
