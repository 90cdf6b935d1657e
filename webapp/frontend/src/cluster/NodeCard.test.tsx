import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { ClusterNode } from "../api/types";
import { renderPage } from "../test/render";
import { NodeCard } from "./NodeCard";

const node = (change: Partial<ClusterNode> = {}): ClusterNode => ({
  worker_id: "pc-kevin",
  state: "live",
  kind: "celery",
  cpu_usage: 4.2,
  memory_usage: 39.9,
  disk_usage: 70,
  network_usage: 92.5,
  own_cpu: 1,
  network_bytes: 0,
  cores: 4,
  concurrency: 4,
  speed: 1,
  host: "pc-kevin",
  ip: "192.168.1.20",
  port: 0,
  load: 0.3,
  per_core: [],
  tasks_processed: 1234,
  running: 2,
  waiting: 1,
  jobs: 17,
  last_heartbeat: 0,
  age: 0.4,
  ...change,
});
const show = (change: Partial<ClusterNode> = {}, operator = true) =>
  renderPage(
    <ul>
      <NodeCard node={node(change)} operator={operator} />
    </ul>,
  );
const buttons = () => screen.queryAllByRole("button").map((button) => button.textContent);

describe("a node's card", () => {
  it("has four bars in the report's tones, each with its number outside", () => {
    show();
    const bars = ["cpu", "memory", "disk", "network"].map((name) => screen.getByTestId(`bar-${name}`));
    expect(bars.map((bar) => [bar.dataset["value"], bar.dataset["tone"]])).toEqual([
      ["4.2", "blue"],
      ["39.9", "green"],
      ["70", "orange"],
      ["92.5", "red"],
    ]);
    expect(within(bars[0] as HTMLElement).getByRole("meter").textContent).toBe("");
    expect(bars[0]?.textContent).toContain("4 %");
  });

  it("names the tasks that it has processed", () => {
    show();
    expect(screen.getByTestId("tasks-processed").textContent).toBe("1,234");
    expect(screen.getByTestId("tasks-processed").dataset["value"]).toBe("1234");
  });

  it("offers an operator what the state allows", () => {
    const offered = (["live", "paused", "draining", "offline"] as const).map((state) => {
      const { unmount } = show({ state });
      const found = buttons();
      unmount();
      return found;
    });
    expect(offered).toEqual([["Pause", "Drain"], ["Resume", "Drain"], ["Resume"], ["Forget"]]);
  });

  it("offers nothing to those who may not, nor for a machine that is only watched", () => {
    show({}, false);
    expect(buttons()).toEqual([]);
    show({ kind: "watched" });
    expect(buttons()).toEqual([]);
  });

  it("says how much a draining node has left", () => {
    show({ state: "draining" });
    expect(screen.getByText("17 photos left before it is drained")).toBeTruthy();
  });
});
