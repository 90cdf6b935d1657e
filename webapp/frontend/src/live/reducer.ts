import type { BatchProgress, ClusterEvent, ClusterNode, JobDelta, Summary } from "../api/types";
import { byName } from "../ui/format";
import type { LiveMessage } from "./messages";

/**
 * How the page learns of changes: `live` by the stream, `polling` because the stream is not to be had,
 * `offline` when polls fail as well, `connecting` before the first word.
 */
export type Connection = "connecting" | "live" | "polling" | "offline";

export interface LiveState {
  connection: Connection;
  /** Counts connections of the stream; a new one may have missed changes, so readers load again. */
  epoch: number;
  /** By name, or null before the first list. */
  nodes: ClusterNode[] | null;
  summary: Summary | null;
  /** The batch on show; deltas of other batches are dropped, so that memory stays bounded. */
  watched: string | null;
  jobs: Readonly<Record<string, JobDelta>>;
  progress: BatchProgress | null;
  /** Node and policy events, newest first; null before the first list. */
  events: ClusterEvent[] | null;
}

export type LiveAction =
  LiveMessage | { type: "connection"; connection: Connection } | { type: "watch"; batch: string | null };

export const initialState: LiveState = {
  connection: "connecting",
  epoch: 0,
  nodes: null,
  summary: null,
  watched: null,
  jobs: {},
  progress: null,
  events: null,
};

export const keptEvents = 200;

/** Epoch seconds of an event: its own, or those in its stream id. */
export function eventTime(event: ClusterEvent): number | null {
  if (typeof event.at === "number") return event.at;
  const milliseconds = Number.parseInt(event.id ?? "", 10);
  return Number.isNaN(milliseconds) ? null : milliseconds / 1000;
}

function eventKey(event: ClusterEvent): string {
  return event.id ?? JSON.stringify(event);
}

function mergeEvents(known: ClusterEvent[], news: ClusterEvent[]): ClusterEvent[] {
  const merged = new Map<string, ClusterEvent>();
  for (const event of [...known, ...news]) {
    if (event.type !== "job") merged.set(eventKey(event), event);
  }
  return [...merged.values()].sort((a, b) => (eventTime(b) ?? 0) - (eventTime(a) ?? 0)).slice(0, keptEvents);
}

/** The next state after one message; pure, so that what the page shows can be tested without a stream. */
export function reduce(state: LiveState, action: LiveAction): LiveState {
  switch (action.type) {
    case "hello":
      // Changes between two connections are lost: forget the deltas, the REST answers fill the gap.
      return { ...state, connection: "live", epoch: state.epoch + 1, jobs: {}, progress: null };
    case "connection":
      if (action.connection === state.connection) return state;
      // Without a stream the deltas only grow old; the polled batch is the newer word.
      return { ...state, connection: action.connection, jobs: {}, progress: null };
    case "watch":
      if (action.batch === state.watched) return state;
      return { ...state, watched: action.batch, jobs: {}, progress: null };
    case "nodes":
      return { ...state, nodes: [...action.items].sort((a, b) => byName(a.worker_id, b.worker_id)) };
    case "summary": {
      const { type: _, ...summary } = action;
      return { ...state, summary };
    }
    case "jobs": {
      const mine = action.items.filter((job) => job.batch === state.watched);
      if (mine.length === 0) return state;
      const jobs = { ...state.jobs };
      for (const job of mine) jobs[job.id] = job;
      return { ...state, jobs };
    }
    case "batches": {
      const mine = action.items.findLast((batch) => batch.id === state.watched);
      return mine === undefined ? state : { ...state, progress: mine };
    }
    case "events":
      return { ...state, events: mergeEvents(state.events ?? [], action.items) };
  }
}
