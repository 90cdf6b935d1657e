import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { address, Problem, request } from "../api/client";
import type { ClusterEvent, ClusterNode, ListOf, Summary } from "../api/types";
import { LiveFeed } from "./feed";
import type { LiveMessage } from "./messages";
import type { LiveState } from "./reducer";

const FeedContext = createContext<LiveFeed | null>(null);

async function poll(detail: boolean): Promise<LiveMessage[]> {
  const summary = request<Summary>("/summary").then((body): LiveMessage => ({ ...body, type: "summary" }));
  if (!detail) return [await summary];
  const nodes = request<ListOf<ClusterNode>>("/nodes").then((body): LiveMessage => ({
    type: "nodes",
    items: body.items,
    at: Date.now() / 1000,
  }));
  const events = request<ListOf<ClusterEvent>>("/events").then((body): LiveMessage => ({
    type: "events",
    items: body.items,
  }));
  return Promise.all([summary, nodes, events]);
}

/** Nothing answers, or the web app answers that its cluster does not. */
function isOffline(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || error.status >= 502);
}

/** Runs the live feed for everything below it. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [feed] = useState(() => new LiveFeed({ open: () => new EventSource(address.stream), poll, isOffline }));
  useEffect(() => feed.attach(document), [feed]);
  return <FeedContext value={feed}>{children}</FeedContext>;
}

export function useFeed(): LiveFeed {
  const feed = useContext(FeedContext);
  if (feed === null) throw new Error("useFeed outside of LiveProvider");
  return feed;
}

/** A part of the live state; `select` must return the same object while nothing in it changed. */
export function useLive<T>(select: (state: LiveState) => T): T {
  const feed = useFeed();
  return useSyncExternalStore(feed.subscribe, () => select(feed.getState()));
}
