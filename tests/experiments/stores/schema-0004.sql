BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id VARCHAR(32) NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	path TEXT NOT NULL, 
	files JSON NOT NULL, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "artifacts" VALUES('b71b94277e1c0193d352396e718c72f8','9t6fxgya',3,'pending','/artifacts/b71b94277e1c0193d352396e718c72f8','{}',NULL,'2026-11-01 23:02:27.624481',NULL);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'9t6fxgya',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 23:02:27.585984');
INSERT INTO "candidates" VALUES(2,'9t6fxgya',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 23:02:27.597918');
INSERT INTO "candidates" VALUES(3,'9t6fxgya',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 23:02:27.604636');
INSERT INTO "candidates" VALUES(4,'9t6fxgya',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 23:02:27.608570');
INSERT INTO "candidates" VALUES(5,'9t6fxgya',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 23:02:27.618042');
INSERT INTO "candidates" VALUES(6,'3b27x6yy',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 23:02:27.662716');
INSERT INTO "candidates" VALUES(7,'3b27x6yy',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 23:02:27.669879');
INSERT INTO "candidates" VALUES(8,'3b27x6yy',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 23:02:27.676183');
INSERT INTO "candidates" VALUES(9,'3b27x6yy',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 23:02:27.678707');
INSERT INTO "candidates" VALUES(10,'8smjxihs',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 23:02:27.693144');
INSERT INTO "candidates" VALUES(11,'8smjxihs',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 23:02:27.699611');
INSERT INTO "candidates" VALUES(12,'8smjxihs',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 23:02:27.710495');
INSERT INTO "candidates" VALUES(13,'8smjxihs',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 23:02:27.712980');
INSERT INTO "candidates" VALUES(14,'8smjxihs',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 23:02:27.721853');
CREATE TABLE "evaluations" (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	block INTEGER DEFAULT '-1' NOT NULL, 
	num_items INTEGER DEFAULT '0' NOT NULL, 
	items_digest VARCHAR(16), 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split_block UNIQUE (candidate_id, split, block)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 23:02:27.589624','2026-11-01 23:02:27.592480','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(2,1,'search','done',1,'worker-1','2026-11-01 23:02:27.594978','2026-11-01 23:02:27.596206','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(3,2,'search','done',1,'worker-1','2026-11-01 23:02:27.599353','2026-11-01 23:02:27.600560','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(4,2,'search','done',1,'worker-1','2026-11-01 23:02:27.602019','2026-11-01 23:02:27.603293','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(5,3,'search','infeasible',0,NULL,NULL,'2026-11-01 23:02:27.606960','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(6,4,'search','lost',1,'worker-0','2026-11-01 23:02:27.609998','2026-11-01 23:02:27.611201','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(7,4,'search','done',1,'worker-1','2026-11-01 23:02:27.612964','2026-11-01 23:02:27.614189','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(8,4,'search','done',1,'worker-1','2026-11-01 23:02:27.615653','2026-11-01 23:02:27.616883','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(9,5,'search','done',1,'worker-1','2026-11-01 23:02:27.619396','2026-11-01 23:02:27.620556','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": null}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(10,5,'search','done',1,'worker-1','2026-11-01 23:02:27.622062','2026-11-01 23:02:27.623292','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(11,4,'selection','done',1,'worker-1','2026-11-01 23:02:27.630440','2026-11-01 23:02:27.637352','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,2,NULL);
INSERT INTO "evaluations" VALUES(12,4,'test','done',1,'worker-1','2026-11-01 23:02:27.639290','2026-11-01 23:02:27.644989','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,3,'dfa461907d63d269');
INSERT INTO "evaluations" VALUES(13,6,'search','done',1,'worker-1','2026-11-01 23:02:27.664702','2026-11-01 23:02:27.666071','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(14,6,'search','done',1,'worker-1','2026-11-01 23:02:27.667448','2026-11-01 23:02:27.668666','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(15,7,'search','done',1,'worker-1','2026-11-01 23:02:27.671199','2026-11-01 23:02:27.672354','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(16,7,'search','done',1,'worker-1','2026-11-01 23:02:27.673833','2026-11-01 23:02:27.674968','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(17,8,'search','infeasible',0,NULL,NULL,'2026-11-01 23:02:27.677461','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(18,9,'search','lost',1,'worker-0','2026-11-01 23:02:27.680101','2026-11-01 23:02:27.681438','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(19,9,'search','done',1,'worker-1','2026-11-01 23:02:27.682782','2026-11-01 23:02:27.684033','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(20,9,'search','done',1,'worker-1','2026-11-01 23:02:27.685389','2026-11-01 23:02:27.686549','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(21,10,'search','done',1,'worker-1','2026-11-01 23:02:27.694645','2026-11-01 23:02:27.695856','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(22,10,'search','done',1,'worker-1','2026-11-01 23:02:27.697330','2026-11-01 23:02:27.698467','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(23,11,'search','done',1,'worker-1','2026-11-01 23:02:27.700952','2026-11-01 23:02:27.705785','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(24,11,'search','done',1,'worker-1','2026-11-01 23:02:27.707087','2026-11-01 23:02:27.708209','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(25,12,'search','infeasible',0,NULL,NULL,'2026-11-01 23:02:27.711755','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(26,13,'search','lost',1,'worker-0','2026-11-01 23:02:27.714257','2026-11-01 23:02:27.715625','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(27,13,'search','done',1,'worker-1','2026-11-01 23:02:27.716859','2026-11-01 23:02:27.717989','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(28,13,'search','done',1,'worker-1','2026-11-01 23:02:27.719465','2026-11-01 23:02:27.720651','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(29,14,'search','running',1,'worker-1','2026-11-01 23:02:27.723060',NULL,'{}',0,0,NULL,'{}',NULL,-1,0,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'9t6fxgya',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 23:02:27.581077');
INSERT INTO "events" VALUES(2,'9t6fxgya',2,'state','{"from": "created", "to": "running", "driver": "node-1:31470", "error": null}','2026-11-01 23:02:27.583289');
INSERT INTO "events" VALUES(3,'9t6fxgya',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline", "block": null}','2026-11-01 23:02:27.585984');
INSERT INTO "events" VALUES(4,'9t6fxgya',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.589624');
INSERT INTO "events" VALUES(5,'9t6fxgya',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 23:02:27.592480');
INSERT INTO "events" VALUES(6,'9t6fxgya',6,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.594978');
INSERT INTO "events" VALUES(7,'9t6fxgya',7,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 23:02:27.596206');
INSERT INTO "events" VALUES(8,'9t6fxgya',8,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline", "block": null}','2026-11-01 23:02:27.597918');
INSERT INTO "events" VALUES(9,'9t6fxgya',9,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.599353');
INSERT INTO "events" VALUES(10,'9t6fxgya',10,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 23:02:27.600560');
INSERT INTO "events" VALUES(11,'9t6fxgya',11,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.602019');
INSERT INTO "events" VALUES(12,'9t6fxgya',12,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 23:02:27.603293');
INSERT INTO "events" VALUES(13,'9t6fxgya',13,'ask','{"candidate_id": 3, "number": 2, "kind": "search", "block": null}','2026-11-01 23:02:27.604636');
INSERT INTO "events" VALUES(14,'9t6fxgya',14,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 23:02:27.606960');
INSERT INTO "events" VALUES(15,'9t6fxgya',15,'ask','{"candidate_id": 4, "number": 3, "kind": "search", "block": null}','2026-11-01 23:02:27.608570');
INSERT INTO "events" VALUES(16,'9t6fxgya',16,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 23:02:27.609998');
INSERT INTO "events" VALUES(17,'9t6fxgya',17,'lost','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 23:02:27.611201');
INSERT INTO "events" VALUES(18,'9t6fxgya',18,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.612964');
INSERT INTO "events" VALUES(19,'9t6fxgya',19,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 23:02:27.614189');
INSERT INTO "events" VALUES(20,'9t6fxgya',20,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.615653');
INSERT INTO "events" VALUES(21,'9t6fxgya',21,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 23:02:27.616883');
INSERT INTO "events" VALUES(22,'9t6fxgya',22,'ask','{"candidate_id": 5, "number": 4, "kind": "search", "block": null}','2026-11-01 23:02:27.618042');
INSERT INTO "events" VALUES(23,'9t6fxgya',23,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.619396');
INSERT INTO "events" VALUES(24,'9t6fxgya',24,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "fitness": 0.5714285714285714}','2026-11-01 23:02:27.620556');
INSERT INTO "events" VALUES(25,'9t6fxgya',25,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.622062');
INSERT INTO "events" VALUES(26,'9t6fxgya',26,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "fitness": 0.4285714285714286}','2026-11-01 23:02:27.623292');
INSERT INTO "events" VALUES(27,'9t6fxgya',27,'export','{"artifact": "b71b94277e1c0193d352396e718c72f8", "number": 3, "state": "pending", "error": null, "by": "ann"}','2026-11-01 23:02:27.624481');
INSERT INTO "events" VALUES(28,'9t6fxgya',28,'start','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.630440');
INSERT INTO "events" VALUES(29,'9t6fxgya',29,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "fitness": 0.3571428571428571}','2026-11-01 23:02:27.637352');
INSERT INTO "events" VALUES(30,'9t6fxgya',30,'start','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.639290');
INSERT INTO "events" VALUES(31,'9t6fxgya',31,'measure','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "fitness": 0.23809523809523805}','2026-11-01 23:02:27.644989');
INSERT INTO "events" VALUES(32,'9t6fxgya',32,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 23:02:27.652087');
INSERT INTO "events" VALUES(33,'9t6fxgya',33,'state','{"from": "running", "to": "finished", "driver": "node-1:31470", "error": null}','2026-11-01 23:02:27.656437');
INSERT INTO "events" VALUES(34,'3b27x6yy',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 23:02:27.659308');
INSERT INTO "events" VALUES(35,'3b27x6yy',2,'state','{"from": "created", "to": "running", "driver": "node-1:31470", "error": null}','2026-11-01 23:02:27.660145');
INSERT INTO "events" VALUES(36,'3b27x6yy',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline", "block": null}','2026-11-01 23:02:27.662716');
INSERT INTO "events" VALUES(37,'3b27x6yy',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.664702');
INSERT INTO "events" VALUES(38,'3b27x6yy',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 23:02:27.666071');
INSERT INTO "events" VALUES(39,'3b27x6yy',6,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.667448');
INSERT INTO "events" VALUES(40,'3b27x6yy',7,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 23:02:27.668666');
INSERT INTO "events" VALUES(41,'3b27x6yy',8,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline", "block": null}','2026-11-01 23:02:27.669879');
INSERT INTO "events" VALUES(42,'3b27x6yy',9,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.671199');
INSERT INTO "events" VALUES(43,'3b27x6yy',10,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 23:02:27.672354');
INSERT INTO "events" VALUES(44,'3b27x6yy',11,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.673833');
INSERT INTO "events" VALUES(45,'3b27x6yy',12,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 23:02:27.674968');
INSERT INTO "events" VALUES(46,'3b27x6yy',13,'ask','{"candidate_id": 8, "number": 2, "kind": "search", "block": null}','2026-11-01 23:02:27.676183');
INSERT INTO "events" VALUES(47,'3b27x6yy',14,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 23:02:27.677461');
INSERT INTO "events" VALUES(48,'3b27x6yy',15,'ask','{"candidate_id": 9, "number": 3, "kind": "search", "block": null}','2026-11-01 23:02:27.678707');
INSERT INTO "events" VALUES(49,'3b27x6yy',16,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 23:02:27.680101');
INSERT INTO "events" VALUES(50,'3b27x6yy',17,'lost','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 23:02:27.681438');
INSERT INTO "events" VALUES(51,'3b27x6yy',18,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.682782');
INSERT INTO "events" VALUES(52,'3b27x6yy',19,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 23:02:27.684033');
INSERT INTO "events" VALUES(53,'3b27x6yy',20,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.685389');
INSERT INTO "events" VALUES(54,'3b27x6yy',21,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 23:02:27.686549');
INSERT INTO "events" VALUES(55,'3b27x6yy',22,'state','{"from": "running", "to": "interrupted", "driver": "node-1:31470", "error": null}','2026-11-01 23:02:27.688701');
INSERT INTO "events" VALUES(56,'8smjxihs',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 23:02:27.690696');
INSERT INTO "events" VALUES(57,'8smjxihs',2,'state','{"from": "created", "to": "running", "driver": "node-1:31470", "error": null}','2026-11-01 23:02:27.691555');
INSERT INTO "events" VALUES(58,'8smjxihs',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline", "block": null}','2026-11-01 23:02:27.693144');
INSERT INTO "events" VALUES(59,'8smjxihs',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.694645');
INSERT INTO "events" VALUES(60,'8smjxihs',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 23:02:27.695856');
INSERT INTO "events" VALUES(61,'8smjxihs',6,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.697330');
INSERT INTO "events" VALUES(62,'8smjxihs',7,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 23:02:27.698467');
INSERT INTO "events" VALUES(63,'8smjxihs',8,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline", "block": null}','2026-11-01 23:02:27.699611');
INSERT INTO "events" VALUES(64,'8smjxihs',9,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.700952');
INSERT INTO "events" VALUES(65,'8smjxihs',10,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 23:02:27.705785');
INSERT INTO "events" VALUES(66,'8smjxihs',11,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.707087');
INSERT INTO "events" VALUES(67,'8smjxihs',12,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 23:02:27.708209');
INSERT INTO "events" VALUES(68,'8smjxihs',13,'ask','{"candidate_id": 12, "number": 2, "kind": "search", "block": null}','2026-11-01 23:02:27.710495');
INSERT INTO "events" VALUES(69,'8smjxihs',14,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 23:02:27.711755');
INSERT INTO "events" VALUES(70,'8smjxihs',15,'ask','{"candidate_id": 13, "number": 3, "kind": "search", "block": null}','2026-11-01 23:02:27.712980');
INSERT INTO "events" VALUES(71,'8smjxihs',16,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 23:02:27.714257');
INSERT INTO "events" VALUES(72,'8smjxihs',17,'lost','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 23:02:27.715625');
INSERT INTO "events" VALUES(73,'8smjxihs',18,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.716859');
INSERT INTO "events" VALUES(74,'8smjxihs',19,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 23:02:27.717989');
INSERT INTO "events" VALUES(75,'8smjxihs',20,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.719465');
INSERT INTO "events" VALUES(76,'8smjxihs',21,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 23:02:27.720651');
INSERT INTO "events" VALUES(77,'8smjxihs',22,'ask','{"candidate_id": 14, "number": 4, "kind": "search", "block": null}','2026-11-01 23:02:27.721853');
INSERT INTO "events" VALUES(78,'8smjxihs',23,'start','{"candidate_id": 14, "number": 4, "split": "search", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 23:02:27.723060');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0004');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, owner VARCHAR(64) DEFAULT '' NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, wanted VARCHAR(16), revision INTEGER DEFAULT '1' NOT NULL, budget JSON, workers INTEGER, launch JSON, control_seq INTEGER DEFAULT '0' NOT NULL, last_seq INTEGER DEFAULT '0' NOT NULL, num_candidates INTEGER DEFAULT '0' NOT NULL, num_scored INTEGER DEFAULT '0' NOT NULL, num_infeasible INTEGER DEFAULT '0' NOT NULL, num_running INTEGER DEFAULT '0' NOT NULL, num_done INTEGER DEFAULT '0' NOT NULL, num_lost INTEGER DEFAULT '0' NOT NULL, num_search_items BIGINT DEFAULT '0' NOT NULL, prompt_tokens BIGINT DEFAULT '0' NOT NULL, generated_tokens BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('9t6fxgya','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 23:02:27.577851','2026-11-01 23:02:27.656437',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,33,5,4,1,0,10,1,16,210,21);
INSERT INTO "experiments" VALUES('3b27x6yy','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 23:02:27.658726','2026-11-01 23:02:27.688701',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,22,4,3,1,0,6,1,12,120,12);
INSERT INTO "experiments" VALUES('8smjxihs','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 23:02:27.690108','2026-11-01 23:02:27.724217',12.5,NULL,'{"host": "node-1", "pid": 31470, "process_started": 1795734146.54, "heartbeat": "2026-11-01T23:02:27.724309+00:00", "token": "7208daf3d85173b78238776a59c39d4f"}','',0,NULL,2,NULL,NULL,NULL,0,23,5,3,1,1,6,1,12,120,12);
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(3,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(3,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(19,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(19,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(21,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(21,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(23,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(23,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(27,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(27,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE TABLE requests (
	owner VARCHAR(64) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	resource TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (owner, "key")
);
CREATE TABLE tokens (
	id VARCHAR(8) NOT NULL, 
	name TEXT NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	last_used_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
CREATE INDEX ix_evaluations_items_digest ON evaluations (items_digest);
CREATE INDEX ix_experiments_state_created_at ON experiments (state, created_at);
CREATE INDEX ix_experiments_owner_state ON experiments (owner, state);
CREATE INDEX ix_events_experiment_id_kind_seq ON events (experiment_id, kind, seq);
CREATE INDEX ix_requests_at ON requests (at);
CREATE INDEX ix_artifacts_experiment_id_created_at ON artifacts (experiment_id, created_at);
CREATE INDEX ix_artifacts_state ON artifacts (state);
CREATE INDEX ix_candidates_overview ON candidates (experiment_id, number, kind, state, fitness, created_at, id);
COMMIT;
