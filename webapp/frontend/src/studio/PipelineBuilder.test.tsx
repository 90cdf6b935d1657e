import { act, fireEvent, screen } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import type { FilterInfo } from "../api/types";
import { renderPage } from "../test/render";
import { useStudio } from "./context";
import { PipelineBuilder } from "./PipelineBuilder";
import type { Studio } from "./studio";
import { toJson } from "./pipeline";

const filter = (name: string, label: string, properties: FilterInfo["schema"]["properties"] = {}): FilterInfo => ({
  name,
  aliases: [],
  label: { en: label, es: label },
  description: { en: `${label} it`, es: label },
  category: "detail",
  schema: { type: "object", properties },
});
const filters = [
  filter("sepia", "Sepia"),
  filter("exacting", "Exacting", { exact: { type: "boolean", default: false, advanced: true } }),
  filter("blur", "Blur", {
    radius: { type: "number", minimum: 0, maximum: 200, default: 2, step: 0.5, label: { en: "Radius", es: "Radio" } },
  }),
];

function show(maxSteps: number | null = null) {
  let studio: Studio | undefined;
  const Grab = () => {
    studio = useStudio();
    return null;
  };
  renderPage(
    <>
      <Grab />
      <PipelineBuilder maxSteps={maxSteps} />
    </>,
    { filters },
  );
  return () => toJson(studio?.getState().steps ?? []);
}

async function add(name: string) {
  fireEvent.click(screen.getByTestId("add-filter"));
  const item = await screen.findByTestId(`filter-${name}`);
  act(() => item.click());
}

describe("the pipeline builder", () => {
  it("adds filters with their defaults and moves and removes them by buttons", async () => {
    const steps = show();
    await add("sepia");
    await add("blur");
    expect(steps()).toEqual([{ filter: "sepia" }, { filter: "blur", radius: 2 }]);
    fireEvent.click(screen.getByRole("button", { name: "Move Blur up" }));
    expect(steps().map((step) => step.filter)).toEqual(["blur", "sepia"]);
    fireEvent.click(screen.getByRole("button", { name: "Remove Blur" }));
    expect(steps().map((step) => step.filter)).toEqual(["sepia"]);
  });

  it("moves a step by keyboard, keeps the focus on it and says where it is", async () => {
    const steps = show();
    await add("sepia");
    await add("blur");
    const up = screen.getByRole("button", { name: "Move Blur up" });
    up.focus();
    fireEvent.keyDown(up, { key: "ArrowUp", altKey: true });
    expect(steps().map((step) => step.filter)).toEqual(["blur", "sepia"]);
    expect(screen.getByTestId("step-1").contains(document.activeElement)).toBe(true);
    expect(screen.getByText("Blur is now step 1 of 2")).toBeTruthy();
  });

  it("changes a setting by the slider's keys in steps of the parameter", async () => {
    const steps = show();
    await add("blur");
    const slider = screen.getByRole("slider", { name: "Radius" });
    fireEvent.keyDown(slider, { key: "ArrowRight" });
    expect(steps()).toEqual([{ filter: "blur", radius: 2.5 }]);
    expect(slider.getAttribute("aria-valuetext")).toBe("2.5");
    expect((screen.getByTestId("step-1-radius") as HTMLInputElement).value).toBe("2.5");
  });

  it("finds a filter by a part of its name, and Enter adds it", async () => {
    const steps = show();
    fireEvent.click(screen.getByTestId("add-filter"));
    const search = await screen.findByTestId("filter-search");
    fireEvent.change(search, { target: { value: "sep" } });
    expect(screen.queryByTestId("filter-blur")).toBeNull();
    expect(screen.getByTestId("filter-sepia")).toBeTruthy();
    fireEvent.change(search, { target: { value: "xyz" } });
    expect(screen.getByText("No filter is called “xyz”.")).toBeTruthy();
    fireEvent.change(search, { target: { value: "sep" } });
    await vi.waitFor(() =>
      expect(screen.getByTestId("filter-sepia").getAttribute("data-combobox-selected")).toBe("true"),
    );
    fireEvent.keyDown(search, { key: "Enter", code: "Enter" });
    expect(steps()).toEqual([{ filter: "sepia" }]);
  });

  it("keeps advanced settings out of sight until they are asked for", async () => {
    const steps = show();
    await add("exacting");
    expect(screen.queryByTestId("step-1-exact")).toBeNull();
    const more = screen.getByRole("button", { name: "Advanced: Exacting" });
    fireEvent.click(more);
    expect(more.getAttribute("aria-expanded")).toBe("true");
    fireEvent.click(screen.getByTestId("step-1-exact"));
    expect(steps()).toEqual([{ filter: "exacting", exact: true }]);
  });

  it("takes no more steps than the server does", async () => {
    show(1);
    await add("sepia");
    expect((screen.getByTestId("add-filter") as HTMLButtonElement).disabled).toBe(true);
    expect(screen.getByText("A pipeline has at most 1 steps.")).toBeTruthy();
  });
});
