import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
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
