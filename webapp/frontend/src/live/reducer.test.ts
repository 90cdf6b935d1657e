import { describe, expect, it } from "vitest";
import type { ClusterEvent, ClusterNode, JobDelta } from "../api/types";
import { parseMessage } from "./messages";
import { initialState, keptEvents, type LiveAction, type LiveState, reduce } from "./reducer";

const after = (...actions: LiveAction[]): LiveState => actions.reduce(reduce, initialState);
const node = (worker_id: string) => ({ worker_id, state: "live" }) as ClusterNode;
const delta = (id: string, batch: string, state: JobDelta["state"] = "running"): JobDelta => ({
  id,
  batch,
  state,
  node: "pc-1",
  attempt: 1,
  name: `${id}.jpg`,
});

describe("nodes", () => {
  it("stand in the order of their names, whatever order the message has", () => {
    const state = after({ type: "nodes", items: [node("pc-10"), node("pc-2"), node("pc-1")], at: 0 });
    expect(state.nodes?.map((one) => one.worker_id)).toEqual(["pc-1", "pc-2", "pc-10"]);
  });

  it("leave with the message that no longer names them", () => {
    const state = after(
      { type: "nodes", items: [node("pc-1"), node("pc-2")], at: 0 },
      { type: "nodes", items: [node("pc-2")], at: 1 },
    );
    expect(state.nodes?.map((one) => one.worker_id)).toEqual(["pc-2"]);
  });
});

describe("jobs and batches", () => {
  it("of the watched batch are kept, of others dropped", () => {
    const state = after(
      { type: "watch", batch: "b1" },
      { type: "jobs", items: [delta("a", "b1"), delta("x", "b2")] },
      { type: "batches", items: [{ id: "b2", total: 9, finished: 9, counts: {} }] },
      { type: "batches", items: [{ id: "b1", total: 2, finished: 1, counts: { done: 1 } }] },
    );
    expect(Object.keys(state.jobs)).toEqual(["a"]);
    expect(state.progress).toEqual({ id: "b1", total: 2, finished: 1, counts: { done: 1 } });
  });

  it("take the last word on a job", () => {
    const state = after(
      { type: "watch", batch: "b1" },
      { type: "jobs", items: [delta("a", "b1", "assigned"), delta("a", "b1", "running")] },
      { type: "jobs", items: [delta("a", "b1", "done")] },
    );
    expect(state.jobs["a"]?.state).toBe("done");
  });

  it("change nothing when they are all of other batches, so that nothing is drawn again", () => {
    const before = after({ type: "watch", batch: "b1" });
    expect(reduce(before, { type: "jobs", items: [delta("x", "b2")] })).toBe(before);
  });

  it("are forgotten when another batch is watched, the stream is lost or comes back", () => {
    const seen: LiveAction[] = [
      { type: "watch", batch: "b1" },
      { type: "jobs", items: [delta("a", "b1")] },
      { type: "batches", items: [{ id: "b1", total: 2, finished: 1, counts: {} }] },
    ];
    for (const change of [
      { type: "watch", batch: "b2" },
      { type: "connection", connection: "polling" },
      { type: "hello", version: "0.1", now: 0 },
    ] as const) {
      const state = after(...seen, change);
      expect(state.jobs).toEqual({});
      expect(state.progress).toBeNull();
    }
  });
});

describe("the connection", () => {
  it("is live from hello on, and each hello is a new epoch", () => {
    const state = after({ type: "hello", version: "0.1", now: 0 }, { type: "hello", version: "0.1", now: 5 });
    expect(state.connection).toBe("live");
    expect(state.epoch).toBe(2);
  });
});

describe("events", () => {
  const event = (ms: number, type = "node"): ClusterEvent => ({ id: `${ms}-0`, type, node: "pc-1", state: "offline" });

  it("stand newest first, each once, without those of jobs", () => {
    const state = after(
      { type: "events", items: [event(1000), event(3000)] },
      { type: "events", items: [event(3000), event(2000), event(2500, "job")] },
    );
    expect(state.events?.map((one) => one.id)).toEqual(["3000-0", "2000-0", "1000-0"]);
  });

  it("never grow past the bound", () => {
    const items = Array.from({ length: keptEvents * 3 }, (_, index) => event(index));
    const state = after({ type: "events", items });
    expect(state.events).toHaveLength(keptEvents);
    expect(state.events?.[0]?.id).toBe(`${keptEvents * 3 - 1}-0`);
  });
});

describe("parseMessage", () => {
  it("reads what the stream sends", () => {
    expect(parseMessage("summary", '{"backlog": 3}')).toEqual({ type: "summary", backlog: 3 });
    expect(parseMessage("events", '{"items": [{"type": "policy"}]}')).toEqual({
      type: "events",
      items: [{ type: "policy" }],
    });
  });

  it("drops what it cannot read", () => {
    expect(parseMessage("nodes", "{oops")).toBeNull();
    expect(parseMessage("nodes", "[]")).toBeNull();
    expect(parseMessage("nodes", '{"items": 3}')).toBeNull();
    expect(parseMessage("hello", "null")).toBeNull();
  });
});
