import { beforeEach, describe, expect, it, vi } from "vitest";
import { address, Problem, problemFrom, request } from "./client";

const answer = (status: number, body: string, headers: Record<string, string> = {}) =>
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(body, { status, headers }));
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as Problem,
  );

beforeEach(() => sessionStorage.clear());

describe("a problem", () => {
  it("is read from the server's document", () => {
    const body = JSON.stringify({ type: "urn:cumulo:problem:backlog-full", title: "Backlog full", detail: "Wait." });
    expect(problemFrom(429, body, "10")).toMatchObject({
      type: "backlog-full",
      status: 429,
      detail: "Wait.",
      retryAfter: 10,
    });
  });

  it("is made from the status where a proxy in between answers", () => {
    expect(problemFrom(502, "<html>Bad gateway</html>", null)).toMatchObject({
      type: "502",
      status: 502,
      detail: "HTTP 502",
      retryAfter: null,
    });
  });
});

describe("a request", () => {
  it("gives what the server answers, and nothing for an empty answer", async () => {
    answer(200, '{"items": []}');
    expect(await request("/nodes")).toEqual({ items: [] });
    vi.mocked(fetch).mockResolvedValue(new Response(null, { status: 204 }));
    expect(await request("/nodes/x", { method: "DELETE" })).toBeUndefined();
  });

  it("says so when nothing answers, or something that is not the API", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("failed to fetch"));
    expect(await caught(request("/nodes"))).toMatchObject({ type: "network", status: 0 });
    vi.mocked(fetch).mockResolvedValue(new Response("<html>", { status: 200 }));
    expect(await caught(request("/nodes"))).toMatchObject({ type: "network", status: 0 });
  });

  it("loads the page again for the login when the session has ended, but not in a circle", async () => {
    const reload = vi.spyOn(window.location, "reload").mockImplementation(() => {});
    answer(401, "{}");
    await caught(request("/nodes"));
    vi.mocked(fetch).mockResolvedValue(new Response("{}", { status: 401 }));
    expect(await caught(request("/nodes"))).toBeInstanceOf(Problem);
    expect(reload).toHaveBeenCalledTimes(1);
  });
});

describe("addresses", () => {
  it("keep an id from leaving its place in the path", () => {
    expect(address.thumbnail("../session?x")).toBe("/api/v1/jobs/..%2Fsession%3Fx/thumbnail");
  });
});
