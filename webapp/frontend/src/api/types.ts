/** The JSON shapes of `/api/v1`. Times are epoch seconds, usages percent from 0 to 100. */

export type Language = "en" | "es";
export type Localized = Record<Language, string>;

export type JobState = "queued" | "assigned" | "running" | "done" | "failed" | "cancelled" | "quarantined";

export type NodeState = "live" | "stale" | "paused" | "draining" | "offline";

/** One step as the API takes and gives it: the filter's name beside its parameters. */
export type PipelineStep = { filter: string } & Record<string, unknown>;

export interface ImageFacts {
  sha256: string;
  bytes: number;
  width: number;
  height: number;
  format: string;
}

export interface JobError {
  type: string;
  detail: string;
  step: number | null;
}

export interface Candidate {
  node: string;
  /** Lower is better; null under policies that do not score. */
  score: number | null;
  sample_age: number | null;
  in_flight: number;
  slots: number;
  cores: number;
  cpu_usage: number | null;
  /** Why this node could not take the job, or null when it could. */
  held: string | null;
}

export interface Placement {
  policy: string;
  node: string | null;
  reason: string;
  decided_at: number;
  candidates: Candidate[];
}

export interface TimelineEntry {
  at: number;
  event: string;
  node: string | null;
  attempt: number | null;
  detail: string | null;
}

export interface Job {
  id: string;
  batch: string;
  name: string;
  state: JobState;
  node: string | null;
  attempt: number;
  lost: number;
  pipeline: PipelineStep[];
  format: string | null;
  quality: number | null;
  priority: number;
  input: ImageFacts;
  result: ImageFacts | null;
  created_at: number;
  assigned_at: number | null;
  started_at: number | null;
  finished_at: number | null;
  error: JobError | null;
  placement: Placement | null;
  /** Only in the answer for a single job. */
  timeline?: TimelineEntry[];
}

export type StateCounts = Partial<Record<JobState, number>>;

export interface BatchProgress {
  id: string;
  total: number;
  finished: number;
  counts: StateCounts;
}

export interface Batch extends BatchProgress {
  created_at: number;
  state: "running" | "finished";
  pipeline: PipelineStep[];
  /** With `?after=N`: finished jobs in the order of finishing, from offset N on. */
  results?: Job[];
  next_after?: number;
}

/** What a live message tells of a job; the rest comes with the batch's results. */
export interface JobDelta {
  id: string;
  batch: string;
  state: JobState;
  node: string | null;
  attempt: number;
  name: string;
}

export interface ClusterNode {
  worker_id: string;
  state: NodeState;
  kind: "celery" | "watched";
  cpu_usage: number;
  memory_usage: number;
  disk_usage: number;
  network_usage: number;
  own_cpu: number;
  network_bytes: number;
  cores: number;
  concurrency: number;
  speed: number;
  host: string;
  ip: string;
  port: number;
  load: number;
  per_core: number[];
  tasks_processed: number;
  running: number;
  waiting: number;
  jobs: number;
  last_heartbeat: number;
  age: number;
}

export interface Summary {
  backlog: number;
  oldest_age: number | null;
  counts: StateCounts;
  images_per_minute: number;
  policy: string;
  nodes: Partial<Record<NodeState, number>>;
}

/** One entry of the cluster's event log. `id` is the Redis stream id ("<ms>-<n>"), `at` epoch seconds. */
export interface ClusterEvent {
  id?: string;
  at?: number;
  type: string;
  node?: string | null;
  state?: string | null;
  policy?: string | null;
  /** The policy that `adaptive` follows from now on; `detail` then says why. */
  follows?: string | null;
  detail?: string | null;
}

export interface PolicyInfo {
  name: string;
  description: string | Localized;
}

export interface PolicyChoice {
  policy: string;
  available: PolicyInfo[];
  weights: Record<string, number>;
  /** The policy that `adaptive` follows at present. */
  adapted: string;
}

/** The headings under which the page lists filters, in this order. */
export const categories = ["colour", "light", "detail", "shape", "finish"] as const;
export type Category = (typeof categories)[number];

export interface FilterInfo {
  name: string;
  aliases: string[];
  label: Localized;
  description: Localized;
  category: Category;
  schema: JsonSchema;
}

/** The part of JSON Schema that Pydantic writes for a filter's parameters, with the project's own additions. */
export interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  $defs?: Record<string, JsonSchema>;
  $ref?: string;
  allOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  title?: string;
  description?: string | Localized;
  label?: Localized;
  unit?: string;
  step?: number;
  format?: string;
  maxLength?: number;
  /** For the few: kept out of sight at first. */
  advanced?: boolean;
  /** Of a number: below 1 it is a part of the image's size, else pixels. */
  relative?: boolean;
  /** Of a colour: false where it must be opaque. */
  transparency?: boolean;
}

export interface Session {
  role: "viewer" | "submitter" | "operator";
  version: string;
  flower_url: string | null;
  limits: {
    max_bytes: number;
    max_pixels: number;
    max_files: number;
    max_steps: number;
    max_asset_bytes: number;
  };
}

export interface Submitted {
  batch: string;
  jobs: Job[];
}

export interface ListOf<T> {
  items: T[];
  next?: string | null;
}
