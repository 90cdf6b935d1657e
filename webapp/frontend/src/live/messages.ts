import type { BatchProgress, ClusterEvent, ClusterNode, JobDelta, Summary } from "../api/types";

/** What the server's one stream says, under the name of its event. */
export type LiveMessage =
  | { type: "hello"; version: string; now: number }
  | { type: "nodes"; items: ClusterNode[]; at: number }
  | ({ type: "summary" } & Summary)
  | { type: "jobs"; items: JobDelta[] }
  | { type: "batches"; items: BatchProgress[] }
  | { type: "events"; items: ClusterEvent[] };

export const messageTypes = ["hello", "nodes", "summary", "jobs", "batches", "events"] as const;

const lists: ReadonlySet<string> = new Set(["nodes", "jobs", "batches", "events"]);

/** A message from an event's name and data; null for data that is not what the name promises. */
export function parseMessage(type: (typeof messageTypes)[number], data: string): LiveMessage | null {
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof body !== "object" || body === null) return null;
  if (lists.has(type) && !Array.isArray((body as { items?: unknown }).items)) return null;
  return { ...body, type } as LiveMessage;
}
