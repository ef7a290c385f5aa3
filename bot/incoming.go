package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bank-connections/bkper-bot/connectors"
	"github.com/bank-connections/bkper-bot/internal/bkper"
	"github.com/bank-connections/bkper-bot/internal/errs"
	"github.com/bank-connections/bkper-bot/internal/queue"
	"github.com/bank-connections/bkper-bot/internal/seal"
)

const (
	largestEvent   = 1 << 20
	largestPush    = 10 << 20 // what Pub/Sub takes
	largestWebhook = 1 << 20
	eventsAtOnce   = 16 // more are asked to come again: Bkper retries on 429
)

// bookEvent answers an event of Bkper. Bkper wants 200 with what is to be shown
// in the book, also for errors, and retries on 429 alone.
func (a *app) bookEvent() gin.HandlerFunc {
	places := make(chan struct{}, eventsAtOnce)
	return func(c *gin.Context) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			c.JSON(http.StatusTooManyRequests, bkper.EventResponse{Error: "Busy. Send the event again."})
			return
		}
		answer, err := a.handleEvent(c)
		if err != nil {
			a.log.WarnContext(c, "event failed", "code", string(errs.CodeOf(err)), "error", err)
			c.JSON(errs.EventStatus(err), bkper.EventResponse{Error: errs.Public(err)})
			return
		}
		c.JSON(http.StatusOK, answer)
	}
}

func (a *app) handleEvent(c *gin.Context) (bkper.EventResponse, error) {
	body, err := readBody(c, largestEvent)
	if err != nil {
		return bkper.EventResponse{}, err
	}
	event, err := bkper.DecodeEvent(body)
	if err != nil {
		return bkper.EventResponse{}, err
	}
	return a.events.Handle(c, event, seal.NewSecret(c.GetHeader("bkper-oauth-token")))
}

// pushEnvelope is what Pub/Sub posts.
type pushEnvelope struct {
	Message struct {
		Data        []byte            `json:"data"` // base64
		Attributes  map[string]string `json:"attributes"`
		MessageID   string            `json:"messageId"`
		PublishTime time.Time         `json:"publishTime"`
	} `json:"message"`
	Subscription    string `json:"subscription"`
	DeliveryAttempt int    `json:"deliveryAttempt"`
}

// push takes a message that Pub/Sub delivers. The ordering key comes as an
// attribute too, because not every emulator gives it otherwise.
func (a *app) push(c *gin.Context) {
	err := func() error {
		body, err := readBody(c, largestPush)
		if err != nil {
			return err
		}
		var e pushEnvelope
		if err := json.Unmarshal(body, &e); err != nil {
			return errs.Wrap(errs.Invalid, err, "This is not a push message of Pub/Sub.")
		}
		m := queue.Message{ID: e.Message.Attributes["id"], Key: e.Message.Attributes["key"], Kind: e.Message.Attributes["kind"], Body: e.Message.Data}
		if m.ID == "" {
			m.ID = e.Message.MessageID
		}
		return a.feed.Handle(c, queue.Delivery{Message: m, Attempt: max(e.DeliveryAttempt, 1), Published: e.Message.PublishTime})
	}()
	if err != nil {
		a.fail(c, errs.PushStatus(err), err)
		return
	}
	c.Status(errs.PushStatus(nil))
}

// webhook takes the doorbell of a provider: it only says which connection has
// news, and the truth is fetched from the provider.
func (a *app) webhook(c *gin.Context) {
	err := func() error {
		connector, err := a.registry.Get(c.Param("connector"))
		if err != nil {
			return err
		}
		verifier, ok := connector.(connectors.WebhookVerifier)
		if !ok {
			return errs.New(errs.NotFound, "This connector takes no webhooks.")
		}
		body, err := readBody(c, largestWebhook)
		if err != nil {
			return err
		}
		delivery, err := verifier.VerifyWebhook(c, c.Request.Header, body)
		if err != nil {
			return err
		}
		return a.feed.Ring(c, connector.Info().ID, delivery.Ref)
	}()
	if err != nil {
		a.fail(c, errs.HTTPStatus(err), err)
		return
	}
	c.Status(http.StatusNoContent)
}

func readBody(c *gin.Context, most int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, most))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, errs.Wrap(errs.Invalid, err, fmt.Sprintf("This is larger than %d bytes.", most))
	}
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "The request ended early. Send it again.")
	}
	return body, nil
}
