import { categories, type Category, type FilterInfo, type Language } from "../api/types";

/** Finding a filter among many. */

export interface FilterGroup {
  category: Category;
  filters: FilterInfo[];
}

/** Without case and accents, so that "nitidez" and "Añadir" are found however they are typed. */
function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Everything that a person may call it by, in either language. */
function names(filter: FilterInfo): string {
  const { name, aliases, label, description } = filter;
  return plain([name, ...aliases, label.en, label.es, description.en, description.es].join(" "));
}

/** The filters that have every word of `query`, by heading and, below that, by name as the reader calls them. */
export function grouped(filters: readonly FilterInfo[], query: string, language: Language): FilterGroup[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  const found = filters.filter((filter) => words.every((word) => names(filter).includes(word)));
  const start = words[0];
  const beginsSo = (filter: FilterInfo) => start !== undefined && plain(filter.label[language]).startsWith(start);
  const sorted = found.toSorted(
    (a, b) =>
      Number(beginsSo(b)) - Number(beginsSo(a)) || a.label[language].localeCompare(b.label[language], language),
  );
  return categories
    .map((category) => ({ category, filters: sorted.filter((filter) => filter.category === category) }))
    .filter((group) => group.filters.length > 0);
}
