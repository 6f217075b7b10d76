// The shapes of the API, under the names that pages use. They are not written here: build.sh makes openapi.d.ts from api/openapi.json,
// which is made from the Go types that the server itself reads and writes, so that the console and the API cannot drift apart.
import type { components } from './openapi';

type Schemas = components['schemas'];

export type Detail = Schemas['ErrorDetail'];
/** A page of a list, in HAL's shape. */
export interface Page<K extends string, T> { _embedded: Record<K, T[]>; _links: Schemas['CollectionLinks']; size: number; count?: number }

export type Role = Schemas['Role'];
export type Session = Schemas['Session'];
export type Environment = Schemas['Environment'];
export type Administrator = Schemas['Administrator'];
export type Client = Schemas['Client'];
export type CreatedClient = Schemas['CreatedClient'];

/** Custom attributes stand beside the others. */
export type User = Schemas['User'];
export type Population = Schemas['Population'];
export type Attribute = Schemas['Attribute'];
export type Group = Schemas['Group'];
export type GroupMembership = Schemas['GroupMembership'];
export type GroupMember = Schemas['GroupMember'];

export type Store = Schemas['Store'];
export type StoreType = Schemas['StoreType'];
export type Field = Schemas['ConnectionAttribute'];
export type Metadata = Schemas['StoreMetadata'];
export type Check = Schemas['Check'];
export type TestResult = Schemas['ConnectionTest'];
export type StoreStatus = Omit<Schemas['ConnectionState'], 'tripwire'> & { tripwire?: Tripwire };
export type Workspace = Schemas['WorkspaceState'];
export type TokenState = Schemas['TokenState'];
export type AuthorizationSetup = Schemas['AuthorizationSetup'];
export type Authorization = Schemas['Authorization'];
/** The document leaves kind and request as text. */
export type Tripwire = Omit<Schemas['Tripwire'], 'kind' | 'request'> & { kind?: 'DEACTIVATED_ON_UPDATE' | 'MASS_CHANGE'; request?: Schemas['TripwireAction']['action'] };
/** Of any attribute, so ours, theirs and before are any value. The document leaves status as text. */
export type Drift = Omit<Schemas['Drift'], 'status'> & { status: 'OPEN' | 'REPAIRING' | 'ACCEPTED' | 'REPAIRED' | 'ENDED' };

export type Rule = Schemas['Rule'];
export type Mapping = Schemas['Mapping'];
export type MappingDraft = Schemas['MappingBody'];
export type RuleState = Schemas['RuleState'];
export type Counts = Schemas['Counts'];
export type SyncStatus = Schemas['RuleStatus'];
/** "" where there is nothing to be in step with: a foreign account. */
export type AccountStatus = Schemas['SyncStatus'];
export type Account = Schemas['Account'];
export type SyncedRule = Schemas['SyncedRule'];
export type Change = Schemas['Change'];
export type Operation = Schemas['Operation'];
export type Summary = Schemas['Summary'];
export type Preview = Schemas['Preview'];
export type ForeseenGroup = Schemas['PreviewGroup'];
export type Candidate = Schemas['Candidate'];
export type Foreseen = Schemas['Foreseen'];
export type Failure = Schemas['Failure'];
export type Trace = Schemas['Trace'];
export type Activity = Schemas['Activity'];
export type Actor = Schemas['ActivityActor'];
export type ActiveAlert = Schemas['Alert'];
export type AlertSettings = Schemas['AlertSettings'];
export type AlertTestResult = Schemas['AlertTestResult'];
export type AlertDelivery = Schemas['AlertDelivery'];
export type Throughput = Schemas['Throughput'];
/** What an import did, or would do; kind says what a file of groups holds. */
export type ImportReport = Schemas['ImportReport'] & { kind?: Schemas['GroupImport']['kind'] };
