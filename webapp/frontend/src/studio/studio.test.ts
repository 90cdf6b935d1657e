import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as client from "../api/client";
import { Studio } from "./studio";

const file = (name: string, lastModified = 1) => new File(["x"], name, { lastModified });
const live = new Set<string>();

beforeEach(() => {
  let count = 0;
  vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
    count += 1;
    live.add(`blob:${count}`);
    return `blob:${count}`;
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => {
    live.delete(url);
  });
});

afterEach(() => live.clear());

describe("the chosen photos", () => {
  it("are each there once, however often they are picked", () => {
    const studio = new Studio();
    studio.addFiles([file("a.jpg"), file("b.jpg")]);
    studio.addFiles([file("a.jpg"), file("a.jpg", 2), file("c.jpg")]);
    expect(studio.getState().chosen.map((photo) => photo.file.name)).toEqual(["a.jpg", "b.jpg", "a.jpg", "c.jpg"]);
    expect(studio.getState().duplicates).toBe(1);
  });

  it("give their object URLs back when they leave", () => {
    const studio = new Studio();
    studio.addFiles([file("a.jpg"), file("b.jpg"), file("c.jpg")]);
    studio.removePhoto(studio.getState().chosen[0]?.key ?? "");
    expect(live.size).toBe(2);
    studio.clearChosen();
    expect(live.size).toBe(0);
  });
});

describe("the pictures that steps need", () => {
  const step = (image: string) => ({ id: 1, filter: "logo", params: { image } });

  it("have names of their own and stay as long as a step names them", () => {
    const studio = new Studio();
    const first = studio.addAsset(file("logo.png"));
    studio.setSteps([step(first)]);
    const second = studio.addAsset(file("logo.png"));
    expect(second).not.toBe(first);
    expect([first, second]).toEqual(["logo.png", "2-logo.png"]);
    expect(Object.keys(studio.getState().assets)).toEqual([first, second]);
    studio.setSteps([step(second)]);
    expect(Object.keys(studio.getState().assets)).toEqual([second]);
    expect(live.size).toBe(1);
  });

  it("are called as the server reads the name of a file in a form", () => {
    const studio = new Studio();
    const names = ["folder/ni\u00f1o.png", "a\tb\u00a0\"c\".png", "\u200b", "x".repeat(300)];
    expect(names.map((name) => studio.addAsset(file(name)))).toEqual(["ni\u00f1o.png", "abc.png", "picture", "x".repeat(150)]);
  });

  it("go with the first photo alone; the others name them as the cluster does", async () => {
    const sent = vi.spyOn(client, "sendPhoto").mockImplementation(
      async (photo) =>
        ({ batch: "b1", jobs: [{ id: photo.name, pipeline: [{ filter: "logo", image: "a".repeat(64) }] }] }) as never,
    );
    const studio = new Studio();
    const name = studio.addAsset(file("logo.png"));
    studio.setSteps([step(name)]);
    studio.addFiles([file("a.jpg"), file("b.jpg"), file("c.jpg")]);
    studio.process(100);
    await vi.waitFor(() => expect(sent).toHaveBeenCalledTimes(3), { interval: 1 });
    const fields = sent.mock.calls.map(([, { pipeline, assets }]) => ({
      image: (JSON.parse(pipeline) as { image: string }[])[0]?.image,
      assets: assets.map((asset) => asset.name),
    }));
    expect(fields[0]).toEqual({ image: name, assets: [name] });
    expect(fields.slice(1)).toEqual(Array(2).fill({ image: "a".repeat(64), assets: [] }));
  });
});

describe("a batch", () => {
  it("takes the chosen photos along and gives them back when another batch is shown", () => {
    const studio = new Studio();
    studio.addFiles([file("a.jpg")]);
    studio.process(0);
    expect(studio.getState()).toMatchObject({ chosen: [], run: 1 });
    expect(studio.getState().sent).toHaveLength(1);
    studio.show("b7");
    expect(studio.getState()).toMatchObject({ batch: "b7", sent: [], uploads: [] });
    expect(live.size).toBe(0);
  });

  it("refuses a photo over the server's limit without sending it", () => {
    const studio = new Studio();
    studio.addFiles([file("a.jpg")]);
    studio.process(0);
    expect(studio.getState().uploads[0]).toMatchObject({ state: "rejected", problem: { type: "image-too-large" } });
    expect(studio.uploading).toBe(false);
  });

  it("can be chosen again for another pipeline", () => {
    const studio = new Studio();
    studio.addFiles([file("a.jpg"), file("b.jpg")]);
    studio.process(0);
    studio.chooseAgain();
    studio.chooseAgain();
    expect(studio.getState().chosen.map((photo) => photo.file.name)).toEqual(["a.jpg", "b.jpg"]);
  });
});
