import { fireEvent, screen } from "@testing-library/react";
import { useState } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { JsonSchema } from "../api/types";
import { renderPage } from "../test/render";
import { asSent } from "./ColourControl";
import { FieldControl } from "./FieldControl";
import { type Field, fieldsOf, places } from "./schema";

/** One parameter's control; the function tells its value. */
function show(property: JsonSchema) {
  const [field] = fieldsOf({ properties: { x: { label: { en: "Thing", es: "Cosa" }, ...property } } }) as [Field];
  let current: unknown = field.value;
  const Form = () => {
    const [value, setValue] = useState(current);
    current = value;
    return <FieldControl field={field} value={value} testId="x" onChange={setValue} />;
  };
  renderPage(<Form />, { session: { limits: { max_asset_bytes: 1000 } } });
  return () => current;
}
const type = (text: string) => fireEvent.change(screen.getByTestId("x"), { target: { value: text } });

describe("a colour", () => {
  it("is sent once it is one, and without an alpha that says nothing", () => {
    expect(asSent("#FF8800")).toBe("#ff8800");
    expect(asSent(" #ff8800ff ")).toBe("#ff8800");
    expect(asSent("#ff880080")).toBe("#ff880080");
    for (const text of ["", "#ff88", "red", "#ff88000", "#gg8800"]) expect(asSent(text)).toBeNull();
  });

  it("keeps the last one while another is typed, and shows it again if that was none", () => {
    const value = show({ type: "string", format: "color", default: "#000000" });
    type("#ff88");
    expect(value()).toBe("#000000");
    type("#ff8800");
    expect(value()).toBe("#ff8800");
    type("#oops");
    fireEvent.blur(screen.getByTestId("x"));
    expect((screen.getByTestId("x") as HTMLInputElement).value).toBe("#ff8800");
  });

  it("that must be opaque takes no alpha", () => {
    const value = show({ type: "string", format: "color", default: "#000000", transparency: false });
    type("#ff880080");
    expect(value()).toBe("#000000");
  });
});

describe("a place", () => {
  it("is one of nine, chosen by pointer or arrow keys, which stop at the edge", () => {
    const value = show({ enum: places, default: "southeast" });
    fireEvent.click(screen.getByRole("radio", { name: "Top left" }));
    expect(value()).toBe("northwest");
    const group = screen.getByRole("radiogroup", { name: "Thing" });
    fireEvent.keyDown(group, { key: "ArrowRight" });
    fireEvent.keyDown(group, { key: "ArrowDown" });
    expect(value()).toBe("center");
    for (let press = 0; press < 4; press += 1) fireEvent.keyDown(group, { key: "ArrowLeft" });
    expect(value()).toBe("west");
    expect(document.activeElement).toBe(screen.getByRole("radio", { name: "Left" }));
  });
});

describe("a kernel", () => {
  it("stands in rows and is sent with semicolons", () => {
    const value = show({ type: "string", default: "0 -1 0; -1 5 -1; 0 -1 0", maxLength: 1000 });
    expect((screen.getByTestId("x") as HTMLTextAreaElement).value).toBe("0 -1 0\n-1 5 -1\n0 -1 0");
    type("1 1 1\n1 1 1\n1 1 1");
    expect(value()).toBe("1 1 1; 1 1 1; 1 1 1");
  });
});

describe("a length", () => {
  it("is written in percent or pixels", () => {
    const value = show({ type: "number", minimum: 0, maximum: 10000, default: 0.03, relative: true, unit: "px" });
    const input = () => (screen.getByTestId("x") as HTMLInputElement).value;
    expect(input()).toBe("3");
    type("12.5");
    expect(value()).toBe(0.125);
    fireEvent.change(screen.getByRole("combobox", { name: "Unit of Thing" }), { target: { value: "px" } });
    expect([value(), input()]).toEqual([125, "125"]);
    type("40");
    expect(value()).toBe(40);
  });
});

describe("a picture", () => {
  beforeEach(() => {
    vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:1");
  });
  const choose = (bytes: number) => {
    const file = new File(["x".repeat(bytes)], "brand.png", { type: "image/png" });
    fireEvent.change(document.querySelector("input[type=file]") as Element, { target: { files: [file] } });
  };

  it("is chosen from this device, shown, and can be taken away", () => {
    const value = show({ type: "string", format: "asset", default: "" });
    choose(10);
    expect(value()).toBe("brand.png");
    expect(screen.getByText("brand.png")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "Thing: remove" }));
    expect(value()).toBe("");
  });

  it("larger than the server takes is refused at once", () => {
    const value = show({ type: "string", format: "asset", default: "" });
    choose(1001);
    expect(value()).toBe("");
    expect(screen.getByRole("alert").textContent).toContain("at most");
  });

  it("of an earlier batch is kept without being sent again", () => {
    const value = show({ type: "string", format: "asset", default: "a".repeat(64) });
    expect(screen.getByText("As in the earlier batch")).toBeTruthy();
    expect(value()).toBe("a".repeat(64));
  });
});
