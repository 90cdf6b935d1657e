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

const called = ({ name, aliases, label }: FilterInfo) => plain([name, ...aliases, label.en, label.es].join(" "));
const said = ({ description }: FilterInfo) => plain(`${description.en} ${description.es}`);

/**
 * The filters that have every word of `query` in their names or descriptions of either language, by heading. The
 * heading with the best match comes first; within one, names that begin so, then other names, then descriptions.
 */
export function grouped(filters: readonly FilterInfo[], query: string, language: Language): FilterGroup[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  const distance = (filter: FilterInfo) => {
    if (words.every((word, index) => index > 0 || plain(filter.label[language]).startsWith(word))) return 0;
    return words.every((word) => called(filter).includes(word)) ? 1 : 2;
  };
  const found = filters
    .filter((filter) => words.every((word) => `${called(filter)} ${said(filter)}`.includes(word)))
    .map((filter) => ({ filter, distance: distance(filter) }))
    .toSorted(
      (a, b) =>
        a.distance - b.distance || a.filter.label[language].localeCompare(b.filter.label[language], language),
    );
  return categories
    .map((category) => ({ category, members: found.filter(({ filter }) => filter.category === category) }))
    .filter(({ members }) => members.length > 0)
    .toSorted((a, b) => (a.members[0]?.distance ?? 0) - (b.members[0]?.distance ?? 0))
    .map(({ category, members }) => ({ category, filters: members.map(({ filter }) => filter) }));
}
