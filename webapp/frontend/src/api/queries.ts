import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useFeed, useLive } from "../live/context";
import { path, request } from "./client";
import type { Batch, BatchProgress, FilterInfo, Job, ListOf, PolicyChoice, Session } from "./types";

export function useSession() {
  return useQuery({
    queryKey: ["session"],
    queryFn: () => request<Session>("/session"),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useFilters() {
  return useQuery({
    queryKey: ["filters"],
    queryFn: async () => (await request<ListOf<FilterInfo>>("/filters")).items,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** One job with its timeline; `version` is anything that changes when the job does. */
export function useJob(id: string, version: string) {
  return useQuery({
    queryKey: ["job", id, version],
    queryFn: () => request<Job>(path.job(id)),
    placeholderData: keepPreviousData,
  });
}

export function useRetryJob(batch: string | null) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<Job>(`${path.job(id)}/retry`, { method: "POST" }),
    onSuccess: (job) => {
      client.setQueryData<BatchView>(["batch", batch], (view) => {
        if (view === undefined) return view;
        // From the first result again: whether a second end stands in its old place or a new one is the server's to say.
        return { ...view, jobs: new Map(view.jobs).set(job.id, job), next: 0, open: true };
      });
      void client.invalidateQueries({ queryKey: ["job", job.id] });
    },
  });
}

/** A batch with the jobs that have ended so far. */
export interface BatchView {
  batch: Batch;
  jobs: ReadonlyMap<string, Job>;
  /** Offset of the first result that has not been fetched. */
  next: number;
  /** A job was sent again, so that the batch goes on although it had finished. */
  open: boolean;
}

async function loadBatch(id: string, known: BatchView | undefined, signal: AbortSignal): Promise<BatchView> {
  const jobs = new Map(known?.jobs);
  let next = known?.next ?? 0;
  for (;;) {
    const batch = await request<Batch>(path.batch(id, next), { signal });
    const { results = [], next_after = next + results.length, ...rest } = batch;
    for (const job of results) jobs.set(job.id, job);
    const advanced = next_after > next;
    next = next_after;
    if (!advanced || next >= batch.finished) return { batch: rest, jobs, next, open: false };
  }
}

/** Whether a batch as loaded will not change again: the parameters are those of `useBatch`. */
export function hasEnded({ batch, open }: BatchView, sent: number, growing: boolean): boolean {
  // Between two uploads a batch can be finished for a moment, with fewer jobs than were sent by now.
  return batch.state === "finished" && batch.total >= sent && !open && !growing;
}

const settle = 300;
const settleLast = 10_000;

/**
 * Follows a batch: every result that has come so far, fetched in pieces as the live stream tells of more.
 *
 * :param sent: how many jobs this page knows it to have; an end reported with fewer is already out of date.
 * :param growing: uploads into it are under way, so its end is not its end yet.
 */
export function useBatch(id: string | null, sent: number, growing: boolean) {
  const client = useQueryClient();
  const feed = useFeed();
  const live = useLive((state) => (state.watched === id ? state.progress : null));
  const connection = useLive((state) => state.connection);
  const epoch = useLive((state) => state.epoch);

  useEffect(() => feed.watch(id), [feed, id]);

  const query = useQuery({
    queryKey: ["batch", id],
    queryFn: ({ signal }) => loadBatch(id as string, client.getQueryData(["batch", id]), signal),
    enabled: id !== null,
    structuralSharing: false,
    refetchInterval: ({ state: { data, error } }) => {
      if (error !== null && data === undefined) return false;
      if (data !== undefined && hasEnded(data, sent, growing)) return false;
      return connection === "live" ? 15_000 : 2_000;
    },
  });
  const { data, refetch, isFetching } = query;

  // A new connection may have missed the news of the one before.
  const loadedEpoch = useRef(epoch);
  useEffect(() => {
    if (id !== null && loadedEpoch.current !== epoch) void refetch();
    loadedEpoch.current = epoch;
  }, [id, epoch, refetch]);

  // The stream tells that jobs ended; their results are fetched a moment later, many at once. Should the
  // list lag behind the count, it is asked again ever more slowly.
  const behind = live !== null && data !== undefined && live.finished > data.next;
  const reached = data?.next ?? 0;
  const delay = useRef({ reached: -1, milliseconds: settle });
  useEffect(() => {
    if (!behind || isFetching) return;
    const last = delay.current;
    const milliseconds = last.reached === reached ? Math.min(last.milliseconds * 2, settleLast) : settle;
    delay.current = { reached, milliseconds };
    const timer = setTimeout(() => void refetch(), milliseconds);
    return () => clearTimeout(timer);
  }, [behind, isFetching, reached, refetch]);

  const progress: BatchProgress | null = live ?? data?.batch ?? null;
  return { progress, jobs: data?.jobs ?? null, pipeline: data?.batch.pipeline ?? null, error: query.error, refetch };
}

export function usePolicy() {
  return useQuery({ queryKey: ["policy"], queryFn: () => request<PolicyChoice>("/policy"), staleTime: 60_000 });
}

export function useSetPolicy() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (policy: string) => request<PolicyChoice>("/policy", { method: "PUT", json: { policy } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["policy"] }),
  });
}

export type NodeAction = "pause" | "resume" | "drain" | "forget";

export function useNodeAction(id: string) {
  return useMutation({
    mutationFn: (action: NodeAction) =>
      action === "forget"
        ? request<unknown>(path.node(id), { method: "DELETE" })
        : request<unknown>(`${path.node(id)}/${action}`, { method: "POST" }),
  });
}
