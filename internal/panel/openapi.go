package panel

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bank-connections/bkper-bot/internal/bank"
)

type object = map[string]any

func (p *Panel) openAPIFile(c *gin.Context) {
	p.headers(c, closedPolicy)
	c.Data(http.StatusOK, "application/json; charset=utf-8", p.openAPI)
}

// describe writes the OpenAPI description of the routes, made of the shapes
// that they really take and give.
func describe(routes []route) ([]byte, error) {
	d := description{schemas: object{}}
	paths := object{}
	for _, r := range routes {
		path := apiRoot + ginParam.ReplaceAllString(r.path, "{$1}")
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(r.method)] = d.operation(r)
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Bank Connections", "version": "1",
			"description": "Everything the panel can do. Dates are yyyy-mm-dd, times RFC 3339, amounts decimals in text. " +
				"Each call about a book needs the permission OWNER or EDITOR on it, which the book itself is asked for.",
		},
		"security": []object{{"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas":         d.schemas,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer", "description": "A token of Bkper."}},
		},
	}
	return json.MarshalIndent(doc, "", "  ")
}

var ginParam = regexp.MustCompile(`:(\w+)`)

type description struct{ schemas object }

func (d *description) operation(r route) object {
	params := []object{}
	for _, name := range ginParam.FindAllStringSubmatch(r.path, -1) {
		params = append(params, object{"name": name[1], "in": "path", "required": true, "schema": object{"type": "string", "maxLength": longestID}})
	}
	for _, q := range r.query {
		params = append(params, object{"name": q.name, "in": "query", "required": q.required, "description": q.doc, "schema": object{"type": "string"}})
	}
	success := object{"description": "It is done.", "content": jsonContent(d.schema(reflect.TypeOf(r.answer)))}
	op := object{
		"summary": r.summary, "operationId": operationID(r), "parameters": params,
		"responses": object{
			strconv.Itoa(r.status): success,
			"default":              object{"description": "What went wrong.", "content": jsonContent(d.schema(reflect.TypeFor[failure]()))},
		},
	}
	if r.method == http.MethodPost && strings.HasSuffix(r.path, "/integrations") {
		op["responses"].(object)[strconv.Itoa(http.StatusCreated)] = success
	}
	switch {
	case r.body != nil:
		op["requestBody"] = object{"required": true, "content": jsonContent(d.schema(reflect.TypeOf(r.body)))}
	case r.file:
		op["requestBody"] = object{"required": true, "content": object{"application/octet-stream": object{
			"schema": object{"type": "string", "format": "binary", "maxLength": largestFile},
		}}}
	}
	return op
}

func jsonContent(schema object) object {
	return object{"application/json": object{"schema": schema}}
}

// operationID is the method and the words of the path: getBooksIntegrations.
func operationID(r route) string {
	parts := []string{strings.ToLower(r.method)}
	for part := range strings.SplitSeq(strings.Trim(r.path, "/"), "/") {
		part = strings.TrimSuffix(strings.TrimPrefix(part, ":"), "Id")
		parts = append(parts, strings.ToUpper(part[:1])+part[1:])
	}
	return strings.Join(parts, "")
}

// schema describes a type; structs go into the components.
func (d *description) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[bank.Date]():
		return object{"type": "string", "format": "date"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		name := strings.TrimSuffix(t.Name(), "View")
		name = strings.ToUpper(name[:1]) + name[1:]
		if d.schemas[name] == nil {
			d.schemas[name] = object{} // so that it may name itself
			d.schemas[name] = d.object(t)
		}
		return object{"$ref": "#/components/schemas/" + name}
	default:
		panic(fmt.Sprintf("no schema for %s", t))
	}
}

func (d *description) object(t reflect.Type) object {
	properties, required := object{}, []string{}
	for f := range t.Fields() {
		if f.Anonymous { // its fields stand beside the others
			embedded := d.object(f.Type)
			maps.Copy(properties, embedded["properties"].(object))
			required = append(required, embedded["required"].([]string)...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		schema := d.schema(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			schema["enum"] = strings.Split(enum, ",")
		}
		properties[name] = schema
		if options == "" {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}
