import { describe, expect, it } from "vitest";
import { Problem } from "../api/client";
import type { Job, JobDelta } from "../api/types";
import type { Upload } from "./queue";
import type { Photo } from "./studio";
import { tilesOf } from "./tiles";

const photo = (key: string): Photo => ({ key, file: new File(["x"], `${key}.jpg`), url: `blob:${key}` });
const upload = (key: string, change: Partial<Upload> = {}): Upload => ({
  key,
  name: `${key}.jpg`,
  state: "sent",
  share: 1,
  job: `job-${key}`,
  problem: null,
  ...change,
});
const job = (id: string, change: Partial<Job> = {}): Job =>
  ({
    id,
    name: `${id}.jpg`,
    state: "done",
    node: "pc-1",
    attempt: 1,
    started_at: 10,
    finished_at: 10.25,
    error: null,
    result: { bytes: 500 },
    ...change,
  }) as Job;
const news = (id: string, change: Partial<JobDelta> = {}): Record<string, JobDelta> => ({
  [id]: { id, batch: "b", state: "running", node: "pc-2", attempt: 1, name: `${id}.jpg`, ...change },
});
const jobs = (...list: Job[]) => new Map(list.map((one) => [one.id, one]));

describe("the tiles", () => {
  it("keep the order of the upload whatever ends first", () => {
    const tiles = tilesOf([photo("a"), photo("b")], [upload("a"), upload("b")], jobs(job("job-b")), {});
    expect(tiles.map((tile) => [tile.key, tile.state])).toEqual([
      ["a", "queued"],
      ["b", "done"],
    ]);
    expect(tiles[1]).toMatchObject({ original: "blob:b", bytes: 500, seconds: 0.25, node: "pc-1" });
  });

  it("show a refused upload with its reason and no job", () => {
    const problem = new Problem({ type: "unsupported-format", status: 415, detail: "not an image" });
    const tiles = tilesOf([photo("a")], [upload("a", { state: "rejected", job: null, problem })], jobs(), {});
    expect(tiles[0]).toMatchObject({ state: "rejected", job: null, problem });
  });

  it("follow the live news until the result is there", () => {
    const before = tilesOf([photo("a")], [upload("a")], jobs(), news("job-a"));
    expect(before[0]).toMatchObject({ state: "running", node: "pc-2" });
    const after = tilesOf([photo("a")], [upload("a")], jobs(job("job-a", { node: "pc-2" })), news("job-a"));
    expect(after[0]?.state).toBe("done");
  });

  it("take the news over an old result when the job is tried again", () => {
    const failed = job("job-a", { state: "failed", error: { type: "broken-image", detail: "cut off", step: null } });
    expect(tilesOf([], [], jobs(failed), {})[0]).toMatchObject({ state: "failed", problem: { detail: "cut off" } });
    const again = tilesOf([], [], jobs(failed), news("job-a", { attempt: 2 }));
    expect(again[0]).toMatchObject({ state: "running", problem: null });
  });

  it("show a photo once when its news comes before the answer to its upload", () => {
    const uploading = upload("a", { state: "uploading", job: null });
    expect(tilesOf([photo("a")], [uploading], jobs(), news("job-a")).map((tile) => tile.state)).toEqual(["uploading"]);
  });

  it("hold what the cluster has after the page was loaded again", () => {
    const tiles = tilesOf([], [], jobs(job("x")), { ...news("y"), ...news("x", { state: "done" }) });
    expect(tiles.map((tile) => [tile.job, tile.name, tile.state])).toEqual([
      ["x", "x.jpg", "done"],
      ["y", "y.jpg", "running"],
    ]);
  });
});
