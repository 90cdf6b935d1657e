import { Button, Combobox, useCombobox } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { FilterInfo } from "../api/types";
import { useLanguage } from "../i18n";
import { PlusIcon } from "../ui/icons";
import { grouped } from "./catalog";
import classes from "./FilterPicker.module.css";

/** Pixels that the list leaves free: at the top lies the page's head. */
const room = { top: 66, bottom: 10 };

/** The button that opens the list of filters: by heading, with a field to search in. */
export function FilterPicker(props: {
  filters: readonly FilterInfo[];
  full: boolean;
  onAdd: (filter: FilterInfo) => void;
}) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const [query, setQuery] = useState("");
  const { filters } = props;
  const groups = useMemo(() => grouped(filters, query, language), [filters, query, language]);
  const button = useRef<HTMLButtonElement>(null);
  const combobox = useCombobox({
    onDropdownOpen: () => {
      // On a phone the keyboard would cover the list, which needs all the room that there is.
      if (window.matchMedia("(pointer: coarse)").matches) button.current?.scrollIntoView({ block: "start" });
      else combobox.focusSearchInput();
    },
    onDropdownClose: () => {
      combobox.resetSelectedOption();
      combobox.focusTarget();
      setQuery("");
    },
  });
  // The best match is what Enter takes, once there is something to match.
  useEffect(() => {
    if (query === "") combobox.resetSelectedOption();
    else combobox.selectFirstOption();
  }, [query]);
  const add = (name: string) => {
    const filter = filters.find((one) => one.name === name);
    if (filter !== undefined) props.onAdd(filter);
    combobox.closeDropdown();
  };
  return (
    <Combobox
      store={combobox}
      keepMounted={false}
      width="target"
      position="bottom-start"
      shadow="md"
      withinPortal={false}
      middlewares={{ flip: { padding: room }, shift: true, size: { padding: room } }}
      transitionProps={{ duration: 80 }}
      onOptionSubmit={add}
    >
      <Combobox.Target targetType="button" withAriaAttributes={false}>
        <Button
          ref={button}
          className={classes.button}
          variant="default"
          fullWidth
          leftSection={<PlusIcon size={16} />}
          disabled={props.full}
          aria-haspopup="listbox"
          aria-expanded={combobox.dropdownOpened}
          data-testid="add-filter"
          onClick={() => combobox.toggleDropdown()}
        >
          {t("studio.pipeline.add")}
        </Button>
      </Combobox.Target>
      <Combobox.Dropdown className={classes.dropdown}>
        <Combobox.Search
          value={query}
          placeholder={t("studio.pipeline.search")}
          aria-label={t("studio.pipeline.search")}
          data-testid="filter-search"
          onChange={(event) => setQuery(event.target.value)}
        />
        <Combobox.Options tabIndex={0} className={classes.options} aria-label={t("studio.pipeline.title")}>
          {groups.map((group) => (
            <Combobox.Group
              key={group.category}
              label={t(`studio.category.${group.category}`)}
              classNames={{ groupLabel: classes.heading }}
            >
              {group.filters.map((filter) => (
                <Combobox.Option
                  key={filter.name}
                  value={filter.name}
                  className={classes.option}
                  title={filter.description[language]}
                  data-testid={`filter-${filter.name}`}
                >
                  <span className={classes.label}>{filter.label[language]}</span>
                  <span className={classes.description}>{filter.description[language]}</span>
                </Combobox.Option>
              ))}
            </Combobox.Group>
          ))}
          {groups.length === 0 && <Combobox.Empty>{t("studio.pipeline.nothing", { query })}</Combobox.Empty>}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
