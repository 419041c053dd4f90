// @vitest-environment node
import { describe, expect, it } from "vitest";
import { apart, band, endLabels, intervals } from "./marks";

const api = (width: number) => ({
  coord: ([x, y]: [number, number]) => [x * 10, 100 - y * 10],
  getWidth: () => width,
});
type Render = {
  renderItem: (
    item: object,
    api: object,
  ) => { shape?: object; children?: { y: number; shape: object }[] } | null;
};
const rendered = (series: object, index = 0, width = 500) =>
  (series as Render).renderItem({ dataIndex: index, dataIndexInside: index }, api(width));

describe("labels at the ends of lines", () => {
  it("stay where they belong while there is room", () => {
    expect(apart([50, 10, 30], 15)).toEqual([50, 10, 30]);
  });
  it("spread around where they belong, in their order", () => {
    expect(apart([50, 52, 10], 15)).toEqual([43.5, 58.5, 10]);
  });
  it("push what they come to touch", () => {
    expect(apart([10, 20, 24, 80], 10)).toEqual([8, 18, 28, 80]);
  });
  it("are drawn once, all together", () => {
    const labels = [1, 2].map((y) => ({ x: 3, y, text: `line ${y}`, color: "red" }));
    expect(rendered(endLabels(labels, 90, "white"))?.children?.map((one) => one.y)).toEqual([92.5, 77.5]);
    expect(rendered(endLabels(labels, 90, "white"), 1)).toBeNull();
    // One that ends far from it is in nobody's way.
    const away = [...labels, { ...labels[0], x: 20 } as (typeof labels)[number]];
    const heights = rendered(endLabels(away, 90, "white"))?.children?.map((one) => one.y);
    expect(heights?.[2]).toBe(rendered(endLabels(away.slice(2), 90, "white"))?.children?.[0]?.y);
  });
  it("stand above their lines where there is no room beside the plot", () => {
    const label = { x: 3, y: 1, text: "line", color: "red" };
    const found = (width: number) => rendered(endLabels([label], 90, "white"), 0, width)?.children?.[0];
    expect(found(120)).toMatchObject({ x: 36, y: 90, style: { align: "left" } });
    expect(found(119)).toMatchObject({ x: 26, y: 82.5, style: { align: "right", stroke: "white" } });
  });
});

describe("bands and intervals", () => {
  it("goes along the low line and back along the high one", () => {
    expect(
      rendered(
        band("b", "red", [
          [0, 1, 2],
          [1, 1, 3],
        ]),
      )?.shape,
    ).toEqual({
      points: [
        [0, 90],
        [10, 90],
        [10, 70],
        [0, 80],
      ],
    });
  });
  it("puts caps across the direction of an interval", () => {
    const [bar, cap] =
      rendered(intervals("i", "y", [{ x: 1, y: 2, low: 1, high: 3, color: "red" }]))?.children ?? [];
    expect(bar?.shape).toEqual({ x1: 10, y1: 90, x2: 10, y2: 70 });
    expect(cap?.shape).toEqual({ x1: 6, y1: 90, x2: 14, y2: 90 });
  });
});
