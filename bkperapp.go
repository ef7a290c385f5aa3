// Package bkperbot carries bkperapp.yaml, the file in which this app tells
// Bkper its menu, its events and its file patterns, so that the program and
// Bkper cannot disagree about them.
package bkperbot

import (
	"bytes"
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed bkperapp.yaml
var manifest []byte

// Manifest is what bkperapp.yaml says, with Bkper's names for its fields.
type Manifest struct {
	ID               string   `yaml:"id"`
	Name             string   `yaml:"name"`
	Description      string   `yaml:"description"`
	MenuText         string   `yaml:"menuText"`
	MenuURL          string   `yaml:"menuUrl"`    // with expressions such as ${book.id}
	MenuURLDev       string   `yaml:"menuUrlDev"` // the same, on the developer's machine
	MenuOpenMode     string   `yaml:"menuOpenMode"`
	WebhookURL       string   `yaml:"webhookUrl"`
	WebhookURLDev    string   `yaml:"webhookUrlDev"`
	APIVersion       string   `yaml:"apiVersion"`
	Events           []string `yaml:"events"`       // event types sent to the webhook
	FilePatterns     []string `yaml:"filePatterns"` // globs of files that cause FILE_CREATED
	PropertiesSchema Schema   `yaml:"propertiesSchema"`
}

// Schema lists the property keys that Bkper offers while a person types.
type Schema struct {
	Transaction PropertyKeys `yaml:"transaction"`
}

// PropertyKeys are the keys offered for one kind of thing.
type PropertyKeys struct {
	Keys []string `yaml:"keys"`
}

// ReadManifest returns what bkperapp.yaml said when the program was built.
func ReadManifest() (Manifest, error) {
	var m Manifest
	decoder := yaml.NewDecoder(bytes.NewReader(manifest))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("reading bkperapp.yaml: %w", err)
	}
	return m, nil
}
