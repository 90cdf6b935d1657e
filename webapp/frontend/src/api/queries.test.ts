import { describe, expect, it } from "vitest";
import { type BatchView, hasEnded } from "./queries";
import type { Batch } from "./types";

const view = (batch: Partial<Batch>, open = false): BatchView => ({
  batch: {
    id: "b",
    created_at: 0,
    total: 3,
    finished: 3,
    counts: { done: 3 },
    state: "finished",
    pipeline: [],
    ...batch,
  },
  jobs: new Map(),
  next: 3,
  open,
});

describe("a batch has ended", () => {
  it("when the cluster says so and every photo that was sent is in it", () => {
    expect(hasEnded(view({}), 3, false)).toBe(true);
    expect(hasEnded(view({}), 0, false)).toBe(true);
  });

  it("not while it runs, grows, or a job of it was sent again", () => {
    expect(hasEnded(view({ state: "running", finished: 2 }), 3, false)).toBe(false);
    expect(hasEnded(view({}), 3, true)).toBe(false);
    expect(hasEnded(view({}, true), 3, false)).toBe(false);
  });

  it("not when it was loaded between two uploads, finished with fewer photos than were sent since", () => {
    expect(hasEnded(view({ total: 2, finished: 2 }), 3, false)).toBe(false);
  });
});
